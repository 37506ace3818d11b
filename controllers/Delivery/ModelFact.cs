using AiModels.Contracts.V1Alpha1;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Delivery;

/// <summary>What delivery knows of a model: its status, reduced to what decides.</summary>
/// <param name="Uid">Tells a model from one of the same name, and perhaps the same content, that was there before it.</param>
internal sealed record ModelFact(ModelReference Reference, string? Namespace, string? Uid, ModelStatus? Status, bool IsDeleting)
{
    /// <summary>Ready and with an artifact: nothing else is delivered (requirement P11).</summary>
    public bool IsReady => !IsDeleting && Status is { Phase: Phases.Ready, Artifact: not null };

    public ResourceType Type => Reference.Kind == GroupVersion.ModelKind ? ResourceTypes.Models : ResourceTypes.ClusterModels;

    public DeliveredModel Delivered => new(Reference.Kind, Reference.Name, Status!.Artifact!.Digest, Status.Resolved?.Family);

    /// <summary>Logical bytes.</summary>
    public long SizeBytes => Status?.Artifact?.SizeBytes ?? 0;

    /// <summary>Why it is not ready, for a person.</summary>
    public string StateInWords()
    {
        if (IsDeleting)
        {
            return $"{Reference} is being deleted";
        }

        string phase = Status?.Phase ?? Phases.Pending;
        return Status?.Conditions?.FirstOrDefault(condition => condition.Type == ConditionTypes.Ready) is { Status: not "True", Message.Length: > 0 } ready && NeedsSomebody(phase)
            ? $"{Reference} is {phase}: {ready.Message}"
            : $"{Reference} is {phase}";
    }

    /// <summary>
    /// Only then is the condition's message repeated: while bytes move it changes by the second, and each change would be a write to every workload that waits.
    /// </summary>
    private static bool NeedsSomebody(string phase) => phase is Phases.Failed or Phases.WaitForUpload;

    public static ModelFact Of(Model model) => new(
        new ModelReference(GroupVersion.ModelKind, model.Metadata.Name ?? ""), model.Metadata.Namespace, model.Metadata.Uid, model.Status, model.Metadata.DeletionTimestamp is not null);

    public static ModelFact Of(ClusterModel model) => new(
        new ModelReference(GroupVersion.ClusterModelKind, model.Metadata.Name ?? ""), null, model.Metadata.Uid, model.Status, model.Metadata.DeletionTimestamp is not null);
}
