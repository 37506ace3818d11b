using System.Runtime.CompilerServices;
using System.Text.Json;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Api;
using AiModels.Registry.Integrity;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.Storage;

/// <summary>
/// Manifests of repositories. The bytes are a blob like any other; the link in the repository makes them a manifest and is written last, after everything that the
/// manifest names was found, so that a manifest that can be read is complete.
/// </summary>
internal sealed class ManifestStore(IStorageBackend backend, BlobStore blobs, TagStore tags, BlobFence fence, Spares spares)
{
    // Looking up a layer is two requests to an object store: a model of 8,192 chunks should not wait for them one by one.
    private const int ParallelLookups = 16;

    private const int MaxLinkLength = 64 * 1024;

    /// <summary>The link of a manifest, or null when the repository does not hold it.</summary>
    public async ValueTask<ManifestLink?> FindAsync(string repository, Digest digest, CancellationToken cancellationToken)
    {
        byte[]? content = await backend.ReadAllAsync(StoragePaths.ManifestLink(repository, digest), MaxLinkLength, cancellationToken);
        try
        {
            return content is null ? null : JsonSerializer.Deserialize(content, RegistryJson.Default.ManifestLink);
        }
        catch (JsonException damaged)
        {
            throw new RegistryException(RegistryError.Unavailable, $"What {repository} knows of manifest {digest} is damaged; push it again.", damaged);
        }
    }

    /// <summary>The exact bytes that were pushed, or null.</summary>
    public ValueTask<byte[]?> ReadAsync(Digest digest, CancellationToken cancellationToken) =>
        backend.ReadAllAsync(StoragePaths.Blob(digest), ManifestContent.MaxLength, cancellationToken);

    /// <summary>Opens the exact bytes that were pushed, or null.</summary>
    public ValueTask<StorageReader?> OpenAsync(Digest digest, CancellationToken cancellationToken) => backend.OpenReadAsync(StoragePaths.Blob(digest), 0, cancellationToken);

    /// <summary>Whether the bytes are there.</summary>
    public async ValueTask<bool> IsStoredAsync(Digest digest, CancellationToken cancellationToken) => await backend.StatAsync(StoragePaths.Blob(digest), cancellationToken) is not null;

    /// <summary>Whether the repository holds anything.</summary>
    public async ValueTask<bool> RepositoryExistsAsync(string repository, CancellationToken cancellationToken)
    {
        foreach (string folder in StoragePaths.FoldersOf(repository))
        {
            await foreach (StorageEntry _ in backend.ListAsync(folder, null, cancellationToken))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Stores a manifest, then the tags that shall name it.</summary>
    /// <exception cref="RegistryException">MANIFEST_BLOB_UNKNOWN for content that is not there; SIZE_INVALID for a size that is not the content's.</exception>
    public async Task PutAsync(string repository, Digest digest, ReadOnlyMemory<byte> content, ManifestContent manifest, IReadOnlyCollection<string> names, CancellationToken cancellationToken)
    {
        HashSet<Digest> used = [digest, .. manifest.Blobs.Select(blob => blob.Digest), .. manifest.Manifests.Select(child => child.Digest)];
        using BlobFence.Lease use = await fence.UseAsync(used, cancellationToken);
        await RequireContentAsync(repository, manifest, cancellationToken);

        await blobs.StoreAsync(repository, digest, content, cancellationToken);
        await spares.KeepAsync(digest, content, cancellationToken);
        if (manifest.Config is { } config)
        {
            await spares.KeepStoredAsync(config.Digest, config.Size, cancellationToken);
        }

        if (manifest.Subject is { } subject)
        {
            var descriptor = new ReferrerDescriptor
            {
                MediaType = manifest.MediaType,
                Digest = digest.ToString(),
                Size = content.Length,
                ArtifactType = string.IsNullOrEmpty(manifest.ArtifactType) ? null : manifest.ArtifactType,
                Annotations = manifest.Annotations,
            };
            await PutJsonAsync(StoragePaths.Referrer(repository, subject, digest), JsonSerializer.SerializeToUtf8Bytes(descriptor, RegistryJson.Default.ReferrerDescriptor), cancellationToken);
        }

        if (await use.RenewAsync(cancellationToken))
        {
            await RequireContentAsync(repository, manifest, cancellationToken);
            await blobs.StoreAsync(repository, digest, content, cancellationToken);
        }

        var link = new ManifestLink { MediaType = manifest.MediaType, Size = content.Length, Subject = manifest.Subject?.ToString() };
        await PutJsonAsync(StoragePaths.ManifestLink(repository, digest), JsonSerializer.SerializeToUtf8Bytes(link, RegistryJson.Default.ManifestLink), cancellationToken);
        foreach (string name in names)
        {
            await tags.SetAsync(repository, name, digest, cancellationToken);
        }
    }

    /// <summary>Removes a manifest with the tags that name it. False when the repository does not hold it.</summary>
    public async Task<bool> DeleteAsync(string repository, Digest digest, CancellationToken cancellationToken)
    {
        ManifestLink? link = await FindAsync(repository, digest, cancellationToken);
        if (link is null)
        {
            return false;
        }

        await tags.DeleteAllOfAsync(repository, digest, cancellationToken);
        if (Digest.TryParse(link.Subject, out Digest subject))
        {
            await backend.DeleteAsync(StoragePaths.Referrer(repository, subject, digest), cancellationToken);
        }

        return await backend.DeleteAsync(StoragePaths.ManifestLink(repository, digest), cancellationToken);
    }

    /// <summary>Descriptors of the manifests whose subject is <paramref name="subject"/>, in the order of their digests.</summary>
    public async IAsyncEnumerable<ReferrerDescriptor> ListReferrersAsync(string repository, Digest subject, string? after, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string folder = StoragePaths.ReferrersOf(repository, subject);
        string? start = Digest.TryParse(after, out Digest last) ? StoragePaths.Referrer(repository, subject, last) : null;
        await foreach (StorageEntry entry in backend.ListAsync(folder, start, cancellationToken))
        {
            byte[]? content = await backend.ReadAllAsync(entry.Path, ManifestContent.MaxLength, cancellationToken);

            // The descriptor is written before its manifest's link: one without the other was interrupted.
            if (content is not null && StoragePaths.TryReadTail(entry.Path, out Digest manifest)
                && await backend.StatAsync(StoragePaths.ManifestLink(repository, manifest), cancellationToken) is not null)
            {
                yield return JsonSerializer.Deserialize(content, RegistryJson.Default.ReferrerDescriptor)!;
            }
        }
    }

    /// <summary>Digests of all manifests of a repository.</summary>
    public async IAsyncEnumerable<Digest> ListAsync(string repository, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (StorageEntry entry in backend.ListAsync(StoragePaths.ManifestLinksOf(repository), null, cancellationToken))
        {
            if (StoragePaths.TryReadTail(entry.Path, out Digest digest))
            {
                yield return digest;
            }
        }
    }

    /// <summary>A manifest of the repository that names the blob, or null.</summary>
    public async Task<Digest?> FindUserOfAsync(string repository, Digest blob, CancellationToken cancellationToken)
    {
        await foreach (Digest digest in ListAsync(repository, cancellationToken))
        {
            ManifestLink? link = await FindAsync(repository, digest, cancellationToken);
            byte[]? content = link is null ? null : await ReadAsync(digest, cancellationToken);
            if (content is not null && ManifestContent.Parse(content, link!.MediaType).Blobs.Any(reference => reference.Digest == blob))
            {
                return digest;
            }
        }

        return null;
    }

    private async Task RequireContentAsync(string repository, ManifestContent manifest, CancellationToken cancellationToken)
    {
        var lookups = new ParallelOptions { MaxDegreeOfParallelism = ParallelLookups, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(manifest.Blobs, lookups, async (reference, token) =>
        {
            StorageEntry? blob = await blobs.FindAsync(repository, reference.Digest, token);
            if (blob is null)
            {
                throw new RegistryException(RegistryError.ManifestBlobUnknown, $"{reference.Path}: {reference.Digest} is not in {repository}.");
            }

            if (blob.Value.Length != reference.Size)
            {
                throw new RegistryException(RegistryError.ManifestInvalid, $"{reference.Path}.size: {reference.Digest} has {blob.Value.Length} bytes, not {reference.Size}.");
            }
        });

        foreach (ContentReference reference in manifest.Manifests)
        {
            if (await backend.StatAsync(StoragePaths.ManifestLink(repository, reference.Digest), cancellationToken) is null)
            {
                throw new RegistryException(RegistryError.ManifestBlobUnknown, $"{reference.Path}: manifest {reference.Digest} is not in {repository}.");
            }
        }
    }

    private async Task PutJsonAsync(string path, byte[] content, CancellationToken cancellationToken) =>
        await backend.PutAsync(path, content, PutMode.Replace, cancellationToken);
}

/// <summary>What a repository's link says of a manifest.</summary>
internal sealed record ManifestLink
{
    public required string MediaType { get; init; }

    public required long Size { get; init; }

    /// <summary>Digest of the subject, so that deleting finds the referrer's entry without reading the manifest.</summary>
    public string? Subject { get; init; }
}

/// <summary>An entry of a referrers answer.</summary>
internal sealed record ReferrerDescriptor
{
    public required string MediaType { get; init; }

    public required string Digest { get; init; }

    public required long Size { get; init; }

    public string? ArtifactType { get; init; }

    public IReadOnlyDictionary<string, string>? Annotations { get; init; }
}
