using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Validation;
using AiModels.LocalCluster.Host.Kinds;

namespace AiModels.LocalCluster.Host.Strategies;

/// <summary>A new Pod is pending; scheduling gates may only be taken away (https://kubernetes.io/docs/concepts/scheduling-eviction/pod-scheduling-readiness/).</summary>
internal sealed class PodStrategy : IResourceStrategy
{
    public void Prepare(JsonObject current, JsonObject? previous)
    {
        if (previous != null) return;
        var status = new JsonObject { ["phase"] = "Pending" };
        if (Column.Count(current, "spec.schedulingGates") > 0)
        {
            status["conditions"] = new JsonArray(new JsonObject
            {
                ["type"] = "PodScheduled",
                ["status"] = "False",
                ["reason"] = "SchedulingGated",
                ["message"] = "Scheduling is blocked due to non-empty scheduling gates",
                ["lastTransitionTime"] = null,
            });
        }

        current["status"] = status;
        JsonObject spec = current["spec"]!.AsObject();
        spec["restartPolicy"] ??= "Always";
        spec["serviceAccountName"] ??= "default";
        spec["schedulerName"] ??= "default-scheduler";
    }

    public IEnumerable<FieldError> Validate(JsonObject current, JsonObject? previous)
    {
        HashSet<string> volumes = [.. Names(Column.At(current, "spec.volumes"))];
        int index = 0;
        foreach (JsonNode? container in Column.At(current, "spec.containers") as JsonArray ?? [])
        {
            int mount = 0;
            foreach (JsonNode? volumeMount in container?["volumeMounts"] as JsonArray ?? [])
            {
                string name = (string?)volumeMount?["name"] ?? "";
                if (!volumes.Contains(name)) yield return new FieldError(FieldErrorType.NotFound, $"spec.containers[{index}].volumeMounts[{mount}].name", FieldError.Quote(name), "");
                mount++;
            }

            index++;
        }

        if (previous == null) yield break;
        if (Names(Column.At(current, "spec.schedulingGates")).Except(Names(Column.At(previous, "spec.schedulingGates"))).FirstOrDefault() is { } added)
            yield return FieldError.Forbidden("spec.schedulingGates", $"only deletion is allowed, but found new scheduling gate '{added}'");
    }

    private static IEnumerable<string> Names(JsonNode? list) => list is JsonArray items ? items.Select(i => (string?)i?["name"] ?? "") : [];
}
