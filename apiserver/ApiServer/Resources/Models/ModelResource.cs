using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Schemas;
using AiModels.Contracts.V1Alpha1;

namespace AiModels.ApiServer.Resources.Models;

/// <summary>The kind Model: a model of one namespace.</summary>
internal static class ModelResource
{
    public static ResourceDefinition Define(params IReadOnlyList<ISubresource> subresources) => new()
    {
        Group = GroupVersion.Group,
        Version = GroupVersion.Version,
        Kind = GroupVersion.ModelKind,
        Plural = GroupVersion.Models,
        Singular = "model",
        ShortNames = ["mdl"],
        Categories = [GroupVersion.Category],
        Scope = ResourceScope.Namespaced,
        Schema = SchemaGenerator.For<Model>(),
        Columns = ModelColumns.All,
        Strategy = new ModelStrategy(),
        Subresources = subresources,
        SelectableFields = ["status.phase"],
    };
}
