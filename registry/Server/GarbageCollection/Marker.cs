using System.Runtime.CompilerServices;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Api;
using AiModels.Registry.Storage;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.GarbageCollection;

/// <summary>
/// Finds what is in use, one repository after the other: every manifest that has a tag, is young, is named by an index or has a subject that lives; what those name;
/// and blobs that wait for their manifest in a repository where something happened lately. No more than one repository is in memory.
/// </summary>
internal sealed partial class Marker(IStorageBackend backend, ManifestStore manifests, TagStore tags, RegistryOptions options, ILogger<Marker> logger)
{
    /// <param name="now">What ages are counted to: the storage's time when the mark began.</param>
    public async IAsyncEnumerable<RepositoryMark> MarkAsync(DateTimeOffset now, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
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
                if (current.Repository.Length > 0)
                {
                    yield return await MarkRepositoryAsync(current, now, cancellationToken);
                }

                current = new RepositoryLinks(repository);
            }

            string tag = "";
            if (kind == LinkKind.Tag)
            {
                tag = entry.Path[(entry.Path.LastIndexOf('/') + 1)..];
                digest = await ResolveAsync(current, tag, cancellationToken);
            }

            current.Add(kind, digest, tag, entry.Modified);
        }

        if (current.Repository.Length > 0)
        {
            yield return await MarkRepositoryAsync(current, now, cancellationToken);
        }
    }

    private async Task<Digest> ResolveAsync(RepositoryLinks links, string tag, CancellationToken cancellationToken)
    {
        try
        {
            return await tags.ResolveAsync(links.Repository, tag, cancellationToken) ?? default;
        }
        catch (RegistryException failure)
        {
            links.IsReadable = false;
            Log.UnreadableTag(logger, links.Repository, failure.Message);
            return default;
        }
    }

    private async Task<RepositoryMark> MarkRepositoryAsync(RepositoryLinks links, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var mark = new RepositoryMark(links.Repository) { LastActive = links.LastActive, IsReadable = links.IsReadable };
        foreach ((Digest digest, DateTimeOffset modified) in links.Manifests)
        {
            MarkedManifest? manifest = await ReadAsync(links.Repository, digest, modified, cancellationToken);
            mark.IsReadable = mark.IsReadable && manifest is not null;
            mark.Manifests[digest] = (manifest ?? new MarkedManifest { Modified = modified }) with { Tags = [.. links.Tags.Where(tag => tag.Digest == digest).Select(tag => tag.Name)] };
        }

        FindLive(mark, now);
        bool rests = now - links.LastActive > options.UnsealedExpiry;
        mark.IsOnlyANote = links.IsOnlyANote && rests;

        // What is let go of with its manifest does not wait for another one.
        HashSet<Digest> released = [.. mark.Manifests.Values.Where(manifest => manifest.Reason == HoldReason.None).SelectMany(manifest => manifest.Blobs).Select(blob => blob.Digest)];
        foreach (ContentReference blob in mark.Manifests.Values.Where(manifest => manifest.Reason != HoldReason.None).SelectMany(manifest => manifest.Blobs))
        {
            mark.Blobs[blob.Digest] = HoldReason.InManifest;
        }

        mark.StaleManifests.AddRange(mark.Manifests.Where(pair => pair.Value.Reason == HoldReason.None)
            .Select(pair => (pair.Key, (IReadOnlyList<Digest>)[.. pair.Value.Blobs.Select(blob => blob.Digest).Distinct().Where(blob => !mark.Blobs.ContainsKey(blob))])));
        foreach (Digest blob in links.Blobs.Where(blob => !mark.Blobs.ContainsKey(blob) && !released.Contains(blob)))
        {
            // What cannot be read may name anything the repository holds.
            if (!mark.IsReadable || !rests)
            {
                mark.Blobs[blob] = mark.IsReadable ? HoldReason.Unsealed : HoldReason.Unreadable;
            }
            else
            {
                mark.StaleBlobs.Add(blob);
            }
        }

        return mark;
    }

    /// <summary>Manifests with a tag, those too young to have one, and from there what an index names and what has a living subject.</summary>
    private void FindLive(RepositoryMark mark, DateTimeOffset now)
    {
        ILookup<Digest, Digest> referrers = mark.Manifests.Where(pair => pair.Value.Subject.IsSet).ToLookup(pair => pair.Value.Subject, pair => pair.Key);
        var next = new Queue<(Digest Digest, HoldReason Reason)>();
        foreach ((Digest digest, MarkedManifest manifest) in mark.Manifests)
        {
            HoldReason reason = !mark.IsReadable ? HoldReason.Unreadable
                : manifest.Tags.Count > 0 ? HoldReason.Tagged
                : now - manifest.Modified < options.UntaggedExpiry ? HoldReason.Young
                : HoldReason.None;
            if (reason != HoldReason.None)
            {
                next.Enqueue((digest, reason));
            }
        }

        while (next.TryDequeue(out (Digest Digest, HoldReason Reason) item))
        {
            if (mark.Manifests.TryGetValue(item.Digest, out MarkedManifest? manifest) && manifest.Reason == HoldReason.None)
            {
                manifest.Reason = item.Reason;
                foreach (ContentReference child in manifest.Children)
                {
                    next.Enqueue((child.Digest, HoldReason.InIndex));
                }

                foreach (Digest referrer in referrers[item.Digest])
                {
                    next.Enqueue((referrer, HoldReason.RefersToSubject));
                }
            }
        }
    }

    private async Task<MarkedManifest?> ReadAsync(string repository, Digest digest, DateTimeOffset modified, CancellationToken cancellationToken)
    {
        try
        {
            ManifestLink? link = await manifests.FindAsync(repository, digest, cancellationToken);
            byte[]? content = await manifests.ReadAsync(digest, cancellationToken);
            if (link is not null && content is not null)
            {
                ManifestContent manifest = ManifestContent.Parse(content, link.MediaType);
                return new MarkedManifest { Modified = modified, Subject = manifest.Subject ?? default, Blobs = manifest.Blobs, Children = manifest.Manifests };
            }

            Log.Unreadable(logger, digest, repository, link is null ? "it was deleted meanwhile" : "its bytes are missing");
        }
        catch (RegistryException failure)
        {
            Log.Unreadable(logger, digest, repository, failure.Message);
        }

        return null;
    }

    /// <summary>The links of one repository.</summary>
    private sealed class RepositoryLinks(string repository)
    {
        private bool _hasNote;

        public string Repository { get; } = repository;

        public List<(Digest Digest, DateTimeOffset Modified)> Manifests { get; } = [];

        public List<(string Name, Digest Digest)> Tags { get; } = [];

        public List<Digest> Blobs { get; } = [];

        public DateTimeOffset LastActive { get; private set; }

        /// <summary>False when nobody knows any more what one of the tags names.</summary>
        public bool IsReadable { get; set; } = true;

        public bool IsOnlyANote => _hasNote && Manifests.Count == 0 && Tags.Count == 0 && Blobs.Count == 0;

        public void Add(LinkKind kind, Digest digest, string tag, DateTimeOffset modified)
        {
            LastActive = modified > LastActive ? modified : LastActive;
            switch (kind)
            {
                case LinkKind.Manifest:
                    Manifests.Add((digest, modified));
                    break;
                case LinkKind.Tag:
                    Tags.Add((tag, digest));
                    break;
                case LinkKind.Blob:
                    Blobs.Add(digest);
                    break;
                case LinkKind.Owner:
                    _hasNote = true;
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

        [LoggerMessage(3, LogLevel.Warning, "{Problem} Everything that {Repository} holds is kept meanwhile")]
        public static partial void UnreadableTag(ILogger logger, string repository, string problem);
    }
}
