using System.Collections.Frozen;
using AiModels.ApiMachinery.Storage;

namespace AiModels.ApiMachinery.Resources;

/// <summary>A registered resource with what serves it.</summary>
internal sealed class ServedResource(ResourceDefinition definition, ResourceStore store, IObjectStore objects)
{
    public ResourceDefinition Definition { get; } = definition;
    public ResourceStore Store { get; } = store;

    /// <summary>Reads of lists and changes go straight to the store.</summary>
    public IObjectStore Objects { get; } = objects;

    public bool IsNamespaced => Definition.Scope == ResourceScope.Namespaced;
    public FrozenDictionary<string, ISubresource> Subresources { get; } =
        definition.Subresources.ToFrozenDictionary(subresource => subresource.Name, StringComparer.Ordinal);
}
