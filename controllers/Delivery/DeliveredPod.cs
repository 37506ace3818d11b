using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;

namespace AiModels.Controllers.Delivery;

/// <summary>What a Pod itself tells of its delivery: it carries our volumes and our environment. Pure.</summary>
internal static class DeliveredPod
{
    /// <summary>Whether the Pod was made from a template that models were delivered to: it has a volume of ours.</summary>
    public static bool Is(JsonObject pod) =>
        (pod["spec"]?["volumes"] as JsonArray)?.Any(volume => ((string?)volume?["name"])?.StartsWith(VolumeSet.NamePrefix, StringComparison.Ordinal) == true) == true;

    /// <summary>Names and digests from AI_MODELS_MODELS of the first container that has it; none when nobody has, or when the value is not what we write.</summary>
    public static IReadOnlyList<PodModel> Models(JsonObject pod)
    {
        string? value = (pod["spec"]?["containers"] as JsonArray)?
            .SelectMany(container => container?["env"] as JsonArray ?? [])
            .Where(variable => (string?)variable?["name"] == EnvironmentVariables.Models)
            .Select(variable => (string?)variable?["value"])
            .FirstOrDefault();
        try
        {
            return value is null ? [] : [.. (JsonNode.Parse(value) as JsonArray ?? []).OfType<JsonObject>().Select(PodModel.Of).OfType<PodModel>()];
        }
        catch (JsonException)
        {
            return []; // a value of the user's own: what is mounted is checked at the mount all the same
        }
    }

    /// <summary>
    /// Whether the Pod has exactly what the plan delivers: all of its mounts, at the plan's digests. A Pod that the webhook stopped (<see cref="Webhook.PodGate"/>) was made from a template
    /// whose containers all had them; a container without our environment was put into it by somebody's webhook and gets no models.
    /// </summary>
    public static bool Has(JsonObject pod, DeliveryPlan plan, VolumeSet volumes) =>
        PodTemplateEditor.IsComplete(pod, volumes, WasStopped(pod) ? HasModels : null)
        && Models(pod).ToHashSet().SetEquals(plan.Models.Select(model => new PodModel(model.Name, model.Digest)));

    private static bool WasStopped(JsonObject pod) => (string?)pod["metadata"]?["labels"]?[Labels.PodGate] == Labels.PodGateWaiting;

    private static bool HasModels(JsonObject container) => (container["env"] as JsonArray)?.Any(variable => (string?)variable?["name"] == EnvironmentVariables.Models) == true;
}

/// <summary>A model as a Pod knows it.</summary>
internal sealed record PodModel(string Name, string Digest)
{
    public static PodModel? Of(JsonObject item) =>
        item["name"] is JsonValue name && name.TryGetValue(out string? text) && item["digest"] is JsonValue digest && digest.TryGetValue(out string? hex)
            ? new PodModel(text, hex)
            : null;
}
