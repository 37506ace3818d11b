using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Runtime;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Preparation;

/// <summary>A Model or a ClusterModel by name: the key of the models' queue.</summary>
internal readonly record struct ModelKey(string Kind, NamespacedName Name)
{
    public static ModelKey OfModel(NamespacedName name) => new(GroupVersion.ModelKind, name);

    public static ModelKey OfClusterModel(NamespacedName name) => new(GroupVersion.ClusterModelKind, name);

    public ResourceType Type => Kind == GroupVersion.ModelKind ? ResourceTypes.Models : ResourceTypes.ClusterModels;

    public override string ToString() => $"{Kind} {Name}";
}
