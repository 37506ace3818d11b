using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Schemas;
using AiModels.Contracts.V1Alpha1;

namespace AiModels.ApiServer.Resources.NodeModelCaches;

/// <summary>The kind NodeModelCache: what the cache of a node holds.</summary>
internal static class NodeModelCacheResource
{
    public static ResourceDefinition Define() => new()
    {
        Group = GroupVersion.Group,
        Version = GroupVersion.Version,
        Kind = GroupVersion.NodeModelCacheKind,
        Plural = GroupVersion.NodeModelCaches,
        Singular = "nodemodelcache",
        ShortNames = ["nmc"],
        Categories = [GroupVersion.Category],
        Scope = ResourceScope.Cluster,
        Schema = SchemaGenerator.For<NodeModelCache>(),
        Columns = NodeModelCacheColumns.All,
    };
}
