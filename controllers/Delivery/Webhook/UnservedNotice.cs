using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;

namespace AiModels.Controllers.Delivery.Webhook;

/// <summary>
/// Tells whoever puts the annotation where it has no effect (requirement D1 names the kinds and the place): on a bare Pod or Job, or on the Pod template of a workload.
/// A warning that kubectl prints; the object is created all the same. Pure.
/// </summary>
internal static class UnservedNotice
{
    private const string Served = "models are delivered to Deployments, StatefulSets, DaemonSets and CronJobs that have the annotation on their own metadata";
    private static readonly string[] Asking = [Annotations.Model, Annotations.ClusterModel];

    /// <summary>The warning for a Pod or Job; null when it asks for nothing, or belongs to something else (which made it from a template).</summary>
    public static string? OfBare(string kind, JsonObject obj) =>
        Annotation(obj["metadata"]) is { } annotation && obj["metadata"]?["ownerReferences"] is not JsonArray { Count: > 0 }
            ? $"metadata.annotations[{annotation}]: this {kind} gets no models: {Served}"
            : null;

    /// <summary>The warning for a workload whose template asks and which does not ask itself; null otherwise.</summary>
    public static string? OfWorkload(WorkloadKind kind, JsonObject workload) =>
        Annotation(kind.TemplateOf(workload)?["metadata"]) is { } annotation && Annotation(workload["metadata"]) is null
            ? $"{kind.TemplatePointer.TrimStart('/').Replace('/', '.')}.metadata.annotations[{annotation}] has no effect: {Served}"
            : null;

    private static string? Annotation(JsonNode? metadata) =>
        metadata?["annotations"] is JsonObject annotations ? Asking.FirstOrDefault(annotations.ContainsKey) : null;
}
