using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Schemas;
using AiModels.Contracts.V1Alpha1;

namespace AiModels.ApiServer.Resources.ModelCatalogSources;

/// <summary>The kind ModelCatalogSource: another cluster's public catalog.</summary>
internal static class ModelCatalogSourceResource
{
    public static ResourceDefinition Define(params IReadOnlyList<ISubresource> subresources) => new()
    {
        Group = GroupVersion.Group,
        Version = GroupVersion.Version,
        Kind = GroupVersion.ModelCatalogSourceKind,
        Plural = GroupVersion.ModelCatalogSources,
        Singular = "modelcatalogsource",
        ShortNames = ["mcs"],
        Categories = [GroupVersion.Category],
        Scope = ResourceScope.Cluster,
        Schema = SchemaGenerator.For<ModelCatalogSource>(),
        Columns = ModelCatalogSourceColumns.All,
        Strategy = new ModelCatalogSourceStrategy(),
        Subresources = subresources,
    };
}
