using System.Text.Json.Nodes;

namespace AiModels.LocalCluster.Host.Kinds;

/// <summary>What kubectl get pods says of a Pod (k8s.io/kubernetes/pkg/printers/internalversion printPod).</summary>
internal static class PodColumns
{
    public static string Ready(JsonObject pod)
    {
        int ready = (Column.At(pod, "status.containerStatuses") as JsonArray)?.Count(s => (bool?)s?["ready"] == true) ?? 0;
        return $"{ready}/{Column.Count(pod, "spec.containers")}";
    }

    public static string Status(JsonObject pod)
    {
        if (pod["metadata"]?["deletionTimestamp"] != null) return "Terminating";
        if ((string?)Column.At(pod, "status.reason") is { Length: > 0 } reason) return reason;
        string phase = (string?)Column.At(pod, "status.phase") ?? "Unknown";
        if (phase == "Pending" && Scheduled(pod) is { } scheduled && (string?)scheduled["status"] == "False" && (string?)scheduled["reason"] == "SchedulingGated") return "SchedulingGated";
        JsonNode? waiting = (Column.At(pod, "status.containerStatuses") as JsonArray)?.Select(s => s?["state"]?["waiting"]?["reason"]).FirstOrDefault(r => r != null);
        if (waiting != null) return waiting.ToString();
        return phase == "Succeeded" ? "Completed" : phase == "Failed" ? "Error" : phase;
    }

    private static JsonNode? Scheduled(JsonObject pod) =>
        (Column.At(pod, "status.conditions") as JsonArray)?.FirstOrDefault(c => (string?)c?["type"] == "PodScheduled");
}
