using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Contracts.WellKnown;
using AiModels.Controllers.Runtime;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Preparation;

/// <summary>A Model or a ClusterModel as the API returned it: preparation treats both alike.</summary>
internal sealed record ModelObject
{
    public required ModelKey Key { get; init; }
    public required ObjectMeta Metadata { get; init; }
    public required ClusterModelSource Source { get; init; }

    /// <summary>The Secret with the source's token; only a Model can have one.</summary>
    public SecretReference? AuthSecret { get; init; }

    public required ModelStatus Status { get; init; }

    /// <summary>The document it was read from. Not to be changed.</summary>
    public required JsonObject Document { get; init; }

    public string Uid => Metadata.Uid ?? "";

    public bool IsBeingDeleted => Metadata.DeletionTimestamp is not null;

    public bool HasFinalizer => Metadata.Finalizers?.Contains(Finalizers.Cleanup) == true;

    /// <summary>Repository in the registry: by UID, so that a model of the same name never meets old bytes.</summary>
    public string Repository => $"{Key.Type.Plural}/{Uid}";

    /// <summary>Where objects that belong to the model live: its own namespace, or the module's for a ClusterModel.</summary>
    public string HomeNamespace => Key.Name.Namespace ?? Namespaces.Module;

    public EventTarget EventTarget => EventTarget.Of(GroupVersion.ApiVersion, Key.Kind, Metadata);

    public static ModelObject Of(ResourceType type, JsonObject document)
    {
        if (type == ResourceTypes.Models)
        {
            Model model = document.Deserialize<Model>(ContractsJson.Options) ?? throw new JsonException("The document is null.");
            return new ModelObject
            {
                Key = ModelKey.OfModel(NamespacedName.Of(document)),
                Metadata = model.Metadata,
                Source = model.Spec.Source,
                AuthSecret = model.Spec.Source.AuthSecretRef,
                Status = model.Status ?? new ModelStatus(),
                Document = document,
            };
        }

        ClusterModel clusterModel = document.Deserialize<ClusterModel>(ContractsJson.Options) ?? throw new JsonException("The document is null.");
        return new ModelObject
        {
            Key = ModelKey.OfClusterModel(NamespacedName.Of(document)),
            Metadata = clusterModel.Metadata,
            Source = clusterModel.Spec.Source,
            Status = clusterModel.Status ?? new ModelStatus(),
            Document = document,
        };
    }
}
