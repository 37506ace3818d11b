using AiModels.ModelPack.Oci;
using AiModels.Registry.Api;
using AiModels.Registry.Storage;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.GarbageCollection;

/// <summary>
/// Finds what is in use: every manifest that has a tag, is young, is named by an index or has a subject that lives; what those name; and blobs that wait for their
/// manifest in a repository where something happened lately.
/// </summary>
internal sealed partial class Marker(IStorageBackend backend, ManifestStore manifests, TagStore tags, RegistryOptions options, TimeProvider clock, ILogger<Marker> logger)
{
    public async Task<MarkResult> MarkAsync(CancellationToken cancellationToken)
    {
        var result = new MarkResult();
        var current = new RepositoryLinks("");

        // All links of a repository stand together in the order of paths: their folders differ from nested repositories by the underscore.
        await foreach (StorageEntry entry in backend.ListAsync(StoragePaths.Repositories, null, cancellationToken))
        {
            if (!StoragePaths.TryReadLink(entry.Path, out string? repository, out LinkKind kind, out Digest digest))
            {
                Log.Unknown(logger, entry.Path);
                continue;
            }

            if (repository != current.Repository)
            {
                await MarkRepositoryAsync(current, result, cancellationToken);
                current = new RepositoryLinks(repository);
            }

            if (kind == LinkKind.Tag)
            {
                string tag = entry.Path[(entry.Path.LastIndexOf('/') + 1)..];
                digest = await tags.ResolveAsync(repository, tag, cancellationToken) ?? default;
            }

            current.Add(kind, digest, entry.Modified);
        }

        await MarkRepositoryAsync(current, result, cancellationToken);
        return result;
    }

    private async Task MarkRepositoryAsync(RepositoryLinks links, MarkResult result, CancellationToken cancellationToken)
    {
        if (links.Repository.Length == 0)
        {
            return;
        }

        result.Repositories++;
        result.Manifests += links.Manifests.Count;
        var known = new Dictionary<Digest, KnownManifest>();
        bool isReadable = true;
        foreach ((Digest digest, _) in links.Manifests)
        {
            KnownManifest? manifest = await ReadAsync(links.Repository, digest, cancellationToken);
            isReadable = isReadable && manifest is not null;
            known[digest] = manifest ?? new KnownManifest(default, [], []);
        }

        HashSet<Digest> live = isReadable ? FindLive(links, known) : [.. known.Keys];
        HashSet<Digest> named = [.. live, .. live.SelectMany(digest => known[digest].Blobs)];

        // What is let go of with its manifest does not wait for another one.
        HashSet<Digest> released = [.. known.Where(pair => !live.Contains(pair.Key)).SelectMany(pair => pair.Value.Blobs)];
        result.StaleManifests.AddRange(known.Where(pair => !live.Contains(pair.Key)).Select(pair => new StaleManifest(links.Repository, pair.Key, [.. pair.Value.Blobs.Except(named)])));

        // What cannot be read may name anything the repository holds.
        bool keepsAll = !isReadable || clock.GetUtcNow() - links.LastActive <= options.UnsealedExpiry;
        foreach (Digest blob in links.Blobs.Where(blob => !released.Contains(blob) || named.Contains(blob)))
        {
            if (keepsAll || named.Contains(blob))
            {
                named.Add(blob);
            }
            else
            {
                result.StaleLinks.Add((links.Repository, blob));
            }
        }

        foreach (Digest digest in named)
        {
            result.Holders[digest] = result.Holders.GetValueOrDefault(digest) + 1;
        }
    }

    /// <summary>Manifests with a tag, those too young to have one, and from there what an index names and what has a living subject.</summary>
    private HashSet<Digest> FindLive(RepositoryLinks links, Dictionary<Digest, KnownManifest> known)
    {
        ILookup<Digest, Digest> referrers = known.Where(pair => pair.Value.Subject.IsSet).ToLookup(pair => pair.Value.Subject, pair => pair.Key);
        var live = new HashSet<Digest>();
        var next = new Queue<Digest>(links.Tagged);
        foreach ((Digest digest, DateTimeOffset modified) in links.Manifests)
        {
            if (clock.GetUtcNow() - modified < options.UntaggedExpiry)
            {
                next.Enqueue(digest);
            }
        }

        while (next.TryDequeue(out Digest digest))
        {
            if (known.TryGetValue(digest, out KnownManifest? manifest) && live.Add(digest))
            {
                foreach (Digest held in manifest.Manifests.Concat(referrers[digest]))
                {
                    next.Enqueue(held);
                }
            }
        }

        return live;
    }

    private async Task<KnownManifest?> ReadAsync(string repository, Digest digest, CancellationToken cancellationToken)
    {
        try
        {
            ManifestLink? link = await manifests.FindAsync(repository, digest, cancellationToken);
            byte[]? content = await manifests.ReadAsync(digest, cancellationToken);
            if (link is not null && content is not null)
            {
                ManifestContent manifest = ManifestContent.Parse(content, link.MediaType);
                return new KnownManifest(manifest.Subject ?? default, [.. manifest.Blobs.Select(blob => blob.Digest)], [.. manifest.Manifests.Select(child => child.Digest)]);
            }

            Log.Unreadable(logger, digest, repository, link is null ? "it was deleted meanwhile" : "its bytes are missing");
        }
        catch (RegistryException failure)
        {
            Log.Unreadable(logger, digest, repository, failure.Message);
        }

        return null;
    }

    /// <summary>What a mark needs of a manifest.</summary>
    private sealed record KnownManifest(Digest Subject, IReadOnlyList<Digest> Blobs, IReadOnlyList<Digest> Manifests);

    /// <summary>The links of one repository.</summary>
    private sealed class RepositoryLinks(string repository)
    {
        public string Repository { get; } = repository;

        public List<(Digest Digest, DateTimeOffset Modified)> Manifests { get; } = [];

        public List<Digest> Tagged { get; } = [];

        public List<Digest> Blobs { get; } = [];

        public DateTimeOffset LastActive { get; private set; }

        public void Add(LinkKind kind, Digest digest, DateTimeOffset modified)
        {
            LastActive = modified > LastActive ? modified : LastActive;
            switch (kind)
            {
                case LinkKind.Manifest:
                    Manifests.Add((digest, modified));
                    break;
                case LinkKind.Tag:
                    Tagged.Add(digest);
                    break;
                case LinkKind.Blob:
                    Blobs.Add(digest);
                    break;
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "{Path} is no link of this layout; it is left alone")]
        public static partial void Unknown(ILogger logger, string path);

        [LoggerMessage(2, LogLevel.Warning, "Manifest {Digest} of {Repository} cannot be read ({Problem}); everything the repository holds is kept")]
        public static partial void Unreadable(ILogger logger, Digest digest, string repository, string problem);
    }
}

/// <summary>What a mark found.</summary>
internal sealed class MarkResult
{
    /// <summary>How many repositories hold a digest. What is not in here is in nobody's use.</summary>
    public Dictionary<Digest, int> Holders { get; } = [];

    /// <summary>Manifests that nothing holds any more, with the blobs that only they name.</summary>
    public List<StaleManifest> StaleManifests { get; } = [];

    /// <summary>Links to blobs that no manifest names, in repositories at rest.</summary>
    public List<(string Repository, Digest Digest)> StaleLinks { get; } = [];

    public int Repositories { get; set; }

    public int Manifests { get; set; }

    /// <summary>Something holds the digest after all.</summary>
    public void Hold(Digest digest) => Holders[digest] = Holders.GetValueOrDefault(digest) + 1;
}

/// <summary>A manifest without tag, index or living subject.</summary>
/// <param name="Repository">Where it is linked.</param>
/// <param name="Digest">The manifest.</param>
/// <param name="Blobs">Blobs that no living manifest of the repository names.</param>
internal sealed record StaleManifest(string Repository, Digest Digest, IReadOnlyList<Digest> Blobs);
