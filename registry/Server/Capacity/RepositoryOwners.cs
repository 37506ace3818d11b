using System.Collections.Concurrent;
using System.Text.Json;
using AiModels.Registry.Storage;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.Capacity;

/// <summary>Whose a repository is, as those say who may write into it: quotas and explanations speak of models, not of their UIDs.</summary>
internal sealed class RepositoryOwners(IStorageBackend backend)
{
    private const int MaxDocumentLength = 4096;

    private readonly ConcurrentDictionary<string, RepositoryOwner> _known = new(StringComparer.Ordinal);

    /// <summary>Remembers an owner. It does not change: a repository belongs to one model for its life.</summary>
    public async ValueTask SetAsync(string repository, RepositoryOwner owner, CancellationToken cancellationToken)
    {
        if (_known.TryGetValue(repository, out RepositoryOwner? known) && known == owner)
        {
            return;
        }

        await backend.PutAsync(StoragePaths.Owner(repository), JsonSerializer.SerializeToUtf8Bytes(owner, RegistryJson.Default.RepositoryOwner), PutMode.Replace, cancellationToken);
        _known[repository] = owner;
    }

    /// <summary>The owner, or null when nobody has said.</summary>
    public async ValueTask<RepositoryOwner?> FindAsync(string repository, CancellationToken cancellationToken)
    {
        if (_known.TryGetValue(repository, out RepositoryOwner? known))
        {
            return known;
        }

        return await backend.ReadDocumentAsync(StoragePaths.Owner(repository), MaxDocumentLength, RegistryJson.Default.RepositoryOwner, cancellationToken);
    }

    /// <summary>The repository is forgotten.</summary>
    public void Forget(string repository) => _known.TryRemove(repository, out _);
}

/// <summary>A model.</summary>
internal sealed record RepositoryOwner
{
    /// <summary>Model or ClusterModel.</summary>
    public required string Kind { get; init; }

    /// <summary>Empty for a ClusterModel.</summary>
    public string Namespace { get; init; } = "";

    public required string Name { get; init; }

    /// <summary><c>team-a/bge-m3</c>, or <c>bge-m3</c> for a ClusterModel.</summary>
    public override string ToString() => Namespace.Length > 0 ? $"{Namespace}/{Name}" : Name;
}
