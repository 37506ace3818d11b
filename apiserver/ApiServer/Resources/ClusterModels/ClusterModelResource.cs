using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Schemas;
using AiModels.Contracts.V1Alpha1;

namespace AiModels.ApiServer.Resources.ClusterModels;

/// <summary>The kind ClusterModel: a model for all namespaces.</summary>
internal static class ClusterModelResource
{
    public static ResourceDefinition Define(params IReadOnlyList<ISubresource> subresources) => new()
    {
        Group = GroupVersion.Group,
        Version = GroupVersion.Version,
        Kind = GroupVersion.ClusterModelKind,
        Plural = GroupVersion.ClusterModels,
        Singular = "clustermodel",
        ShortNames = ["cmdl"],
        Categories = [GroupVersion.Category],
        Scope = ResourceScope.Cluster,
        Schema = SchemaGenerator.For<ClusterModel>(),
        Columns = ModelColumns.All,
        Strategy = new ClusterModelStrategy(),
        Subresources = subresources,
        SelectableFields = ["status.phase"],
    };
}
