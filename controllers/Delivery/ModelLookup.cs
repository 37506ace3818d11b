using System.Text.Json;
using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Runtime;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Delivery;

/// <summary>Finds models by what a workload calls them.</summary>
internal interface IModelLookup
{
    /// <summary>Whether all models are known: before that, a model that is not found may be there all the same.</summary>
    bool IsSynced { get; }

    /// <summary>The model, or null when there is none.</summary>
    ModelFact? Find(ModelReference reference, string workloadNamespace);
}

/// <summary>The models of the informers' caches.</summary>
internal sealed class ModelLookup(Informers informers) : IModelLookup
{
    public Informer<ModelFact> Models { get; } = informers.Get(
        ResourceTypes.Models, document => ModelFact.Of(document.Deserialize<Model>(ContractsJson.Options)!));

    public Informer<ModelFact> ClusterModels { get; } = informers.Get(
        ResourceTypes.ClusterModels, document => ModelFact.Of(document.Deserialize<ClusterModel>(ContractsJson.Options)!));

    public bool IsSynced => Models.Synced.IsCompletedSuccessfully && ClusterModels.Synced.IsCompletedSuccessfully;

    public ModelFact? Find(ModelReference reference, string workloadNamespace) => reference.Kind == GroupVersion.ModelKind
        ? Models.Get(new NamespacedName(workloadNamespace, reference.Name))
        : ClusterModels.Get(new NamespacedName(null, reference.Name));
}
