using System.Collections.Frozen;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Storage;

namespace AiModels.ApiMachinery.Resources;

/// <summary>Every resource that is served, and the <see cref="ResourceStore"/> of each for in-process use. Fixed at start.</summary>
public sealed class ResourceRegistry
{
    private readonly FrozenDictionary<(string Group, string Version, string Plural), ServedResource> _resources;
    private readonly FrozenSet<(string Group, string Version)> _groupVersions;

    public ResourceRegistry(
        IEnumerable<ResourceRegistration> registrations, IServiceProvider services, IObjectStore store, IEnumerable<IAdmission> admission, TimeProvider time)
    {
        IAdmission[] guards = [.. admission];
        Definitions = [.. registrations.Select(registration => registration.Create(services))];
        _resources = Definitions.ToFrozenDictionary(
            definition => (definition.Group, definition.Version, definition.Plural),
            definition => new ServedResource(definition, new ResourceStore(definition, store, guards, time), store));
        _groupVersions = Definitions.Select(definition => (definition.Group, definition.Version)).ToFrozenSet();
    }

    /// <summary>In order of registration, which is the order of discovery: the first version of a group is the preferred one.</summary>
    public IReadOnlyList<ResourceDefinition> Definitions { get; }

    /// <summary>The store of a resource; the version is the one that was registered.</summary>
    /// <exception cref="KeyNotFoundException">No such resource.</exception>
    public ResourceStore StoreOf(string group, string plural)
    {
        ResourceDefinition definition = Definitions.FirstOrDefault(candidate => candidate.Group == group && candidate.Plural == plural)
            ?? throw new KeyNotFoundException($"the resource {plural} of group \"{group}\" is not registered");
        return _resources[(definition.Group, definition.Version, definition.Plural)].Store;
    }

    internal ServedResource? Find(RequestInfo info) => _resources.GetValueOrDefault((info.Group, info.Version, info.Resource));

    internal bool Serves(string group, string version) => _groupVersions.Contains((group, version));
}

/// <summary>A definition to be made when the services exist: subresources may need them.</summary>
public sealed record ResourceRegistration(Func<IServiceProvider, ResourceDefinition> Create);
