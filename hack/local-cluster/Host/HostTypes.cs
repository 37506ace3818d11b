using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Storage;
using AiModels.Hosting.Kubernetes;
using AiModels.LocalCluster.Host.Kinds;

namespace AiModels.LocalCluster.Host;

/// <summary>The kinds of the host, and their client-side names by storage key.</summary>
internal sealed class HostTypes
{
    private readonly Dictionary<(string Group, string Resource), ResourceType> _types;

    public HostTypes()
    {
        _types = Definitions.ToDictionary(
            d => (d.Group.Length == 0 ? "core" : d.Group, d.Plural),
            d => new ResourceType(d.Group, d.Version, d.Plural, d.Kind, d.Scope == ResourceScope.Namespaced));
        foreach (ResourceType type in Aggregated) _types.Add((type.Group, type.Plural), type);
    }

    /// <summary>Kinds of the API server behind the host that own things here.</summary>
    public static IReadOnlyList<ResourceType> Aggregated { get; } = [ResourceTypes.Models, ResourceTypes.ClusterModels];

    public IReadOnlyList<ResourceDefinition> Definitions { get; } = [.. CoreKinds.All, .. WorkloadKinds.All, .. ClusterKinds.All, .. SdsKinds.All];

    public ResourceType? Find(ObjectKey key) => _types.GetValueOrDefault((key.Group.Length == 0 ? "core" : key.Group, key.Resource));
}
