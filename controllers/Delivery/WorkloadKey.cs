using AiModels.Controllers.Runtime;

namespace AiModels.Controllers.Delivery;

/// <summary>A workload in the queue.</summary>
internal readonly record struct WorkloadKey(WorkloadKind Kind, NamespacedName Name)
{
    public override string ToString() => $"{Kind} {Name}";
}
