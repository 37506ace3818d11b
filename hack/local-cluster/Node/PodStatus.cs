using System.Text.Json.Nodes;
using AiModels.LocalCluster.Workloads;

namespace AiModels.LocalCluster.Node;

/// <summary>The status a node writes.</summary>
internal static class PodStatus
{
    private const string Address = "127.0.0.1";

    public static JsonObject Waiting(JsonObject pod, string reason, string message, TimeProvider time)
    {
        JsonObject status = Base(pod, "Pending", isReady: false, time);
        status["containerStatuses"] = new JsonArray([.. pod.Items("spec.containers").Select(c => Container(
            c, new JsonObject { ["waiting"] = new JsonObject { ["reason"] = reason, ["message"] = message } }, isReady: false, null))]);
        return status;
    }

    public static JsonObject Of(JsonObject pod, RunningPod running, TimeProvider time)
    {
        string phase = Phase(pod, running);
        JsonObject status = Base(pod, phase, isReady: phase == "Running", time);
        status["startTime"] = Documents.Timestamp(running.StartedAt);
        status["containerStatuses"] = new JsonArray([.. pod.Items("spec.containers").Select(c =>
        {
            ContainerProcess? process = running.Processes.GetValueOrDefault((string?)c["name"] ?? "");
            return Container(c, State(running, process), isReady: phase == "Running" && process?.ExitCode == null, pod);
        })]);
        return status;
    }

    /// <summary>A Pod ends when all that really runs in it has ended; one in which nothing runs stays Running.</summary>
    public static string Phase(JsonObject pod, RunningPod running)
    {
        if (running.Processes.Count == 0 || running.Processes.Values.Any(p => p.ExitCode == null) || (string?)pod.At("spec.restartPolicy") == "Always") return "Running";
        return running.Processes.Values.All(p => p.ExitCode == 0) ? "Succeeded" : "Failed";
    }

    private static JsonObject Base(JsonObject pod, string phase, bool isReady, TimeProvider time)
    {
        bool done = phase is "Succeeded" or "Failed";
        string reason = done ? "PodCompleted" : isReady ? "" : "ContainersNotReady";
        JsonArray conditions = Conditions.With(pod.At("status.conditions"), "PodScheduled", true, "", "", time);
        conditions = Conditions.With(conditions, "Initialized", true, "", "", time);
        conditions = Conditions.With(conditions, "ContainersReady", isReady, reason, "", time);
        conditions = Conditions.With(conditions, "Ready", isReady, reason, "", time);
        return new JsonObject { ["phase"] = phase, ["conditions"] = conditions, ["hostIP"] = Address, ["podIP"] = Address, ["podIPs"] = new JsonArray(new JsonObject { ["ip"] = Address }) };
    }

    private static JsonObject State(RunningPod running, ContainerProcess? process) => process?.ExitCode is { } code
        ? new JsonObject
        {
            ["terminated"] = new JsonObject
            {
                ["exitCode"] = code,
                ["reason"] = code == 0 ? "Completed" : "Error",
                ["startedAt"] = Documents.Timestamp(process.StartedAt),
                ["finishedAt"] = Documents.Timestamp(process.FinishedAt ?? process.StartedAt),
            },
        }
        : new JsonObject { ["running"] = new JsonObject { ["startedAt"] = Documents.Timestamp(process?.StartedAt ?? running.StartedAt) } };

    private static JsonObject Container(JsonObject container, JsonObject state, bool isReady, JsonObject? pod) => new()
    {
        ["name"] = (string?)container["name"],
        ["image"] = (string?)container["image"] ?? "",
        ["imageID"] = "",
        ["containerID"] = pod == null ? "" : $"local://{pod.Uid()}/{container["name"]}",
        ["ready"] = isReady,
        ["started"] = isReady,
        ["restartCount"] = 0,
        ["state"] = state,
    };
}
