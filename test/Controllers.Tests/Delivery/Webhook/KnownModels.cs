using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Delivery;

namespace AiModels.Controllers.Tests.Delivery.Webhook;

/// <summary>A lookup over a list.</summary>
internal sealed class KnownModels(params ModelFact[] models) : IModelLookup
{
    public bool IsSynced { get; init; } = true;

    public ModelFact? Find(ModelReference reference, string workloadNamespace) =>
        models.FirstOrDefault(model => model.Reference == reference && (model.Namespace is null || model.Namespace == workloadNamespace));

    public static ModelFact Ready(string name, string ns, string digest) => new(
        new ModelReference(GroupVersion.ModelKind, name),
        ns,
        $"uid-of-{name}",
        new ModelStatus { Phase = Phases.Ready, Artifact = new ModelArtifact { Digest = digest, Kind = "OCI", MediaType = "x", SizeBytes = 1 } },
        IsDeleting: false);
}
