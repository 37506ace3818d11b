using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;
using AiModels.Controllers.Runtime;

namespace AiModels.Controllers.Delivery;

/// <summary>What the cache keeps of a workload: enough to know which changes concern it. The reconciler reads the workload itself afresh.</summary>
/// <param name="UserClaim">The user's own claim that it names, or null.</param>
internal sealed record WorkloadSummary(NamespacedName Name, ModelReferences References, bool IsTouched, string? UserClaim)
{
    /// <summary>Pending until we have looked at it, then Held (the gate is closed, and a message says why) or Delivered.</summary>
    public required string State { get; init; }

    /// <summary>Whether delivery has anything to do with it.</summary>
    public bool IsOurs => IsTouched || !References.IsEmpty;

    public static WorkloadSummary Of(WorkloadKind kind, JsonObject workload) =>
        new(NamespacedName.Of(workload), ModelReferences.Of(workload), Touched(kind, workload), (string?)workload["metadata"]?["annotations"]?[Annotations.ModelCacheClaim])
        {
            State = StateOf(workload["metadata"]?["annotations"] as JsonObject),
        };

    /// <summary>Whether we left something on it: fields of our manager, our annotations, or the gate.</summary>
    public static bool Touched(WorkloadKind kind, JsonObject workload)
    {
        JsonObject? annotations = workload["metadata"]?["annotations"] as JsonObject;
        return annotations?.ContainsKey(Annotations.ResolvedModels) == true
            || annotations?.ContainsKey(Annotations.DeliveryMessage) == true
            || (workload["metadata"]?["managedFields"] as JsonArray)?.Any(entry => (string?)entry?["manager"] == FieldManagers.Delivery) == true
            || SchedulingGate.IsOn(kind.TemplateOf(workload));
    }

    private static string StateOf(JsonObject? annotations) =>
        annotations?.ContainsKey(Annotations.DeliveryMessage) == true ? "Held" : annotations?.ContainsKey(Annotations.ResolvedModels) == true ? "Delivered" : "Pending";
}
