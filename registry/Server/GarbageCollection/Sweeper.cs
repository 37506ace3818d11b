using AiModels.ModelPack.Oci;
using AiModels.Registry.Storage;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.GarbageCollection;

/// <summary>Removes what a mark did not find in use, each piece only when nobody has used it since the mark began.</summary>
internal sealed class Sweeper(IStorageBackend backend, ManifestStore manifests, BlobFence fence, RegistryOptions options, TimeProvider clock)
{
    public async Task<SweepResult> SweepAsync(MarkResult mark, CancellationToken cancellationToken)
    {
        var result = new SweepResult();
        await SweepManifestsAsync(mark, result, cancellationToken);
        foreach ((string repository, Digest digest) in mark.StaleLinks)
        {
            await SweepLinkAsync(repository, digest, mark, result, cancellationToken);
        }

        await foreach (StorageEntry blob in backend.ListAsync(StoragePaths.Blobs, null, cancellationToken))
        {
            if (!StoragePaths.TryReadBlob(blob.Path, out Digest digest))
            {
                continue;
            }

            int holders = mark.Holders.GetValueOrDefault(digest);
            bool isYoung = clock.GetUtcNow() - blob.Modified < options.GcGrace;
            if (holders == 0 && !isYoung && await TryDeleteAsync(digest, () => backend.DeleteAsync(blob.Path, cancellationToken).AsTask()))
            {
                result.FreedBlobs++;
                result.FreedBytes += blob.Length;
                continue;
            }

            result.YoungBlobs += holders == 0 ? 1 : 0;
            result.StoredBlobs++;
            result.StoredBytes += blob.Length;
            result.ReferencedBytes += blob.Length * holders;
        }

        return result;
    }

    /// <summary>All manifests first, then the links to what only they named. One that somebody uses after all keeps everything it names.</summary>
    private async Task SweepManifestsAsync(MarkResult mark, SweepResult result, CancellationToken cancellationToken)
    {
        var released = new HashSet<(string Repository, Digest Blob)>();
        var kept = new HashSet<(string Repository, Digest Blob)>();
        foreach (StaleManifest manifest in mark.StaleManifests)
        {
            bool isGone = await TryDeleteAsync(manifest.Digest, () => manifests.DeleteAsync(manifest.Repository, manifest.Digest, cancellationToken));
            (isGone ? released : kept).UnionWith(manifest.Blobs.Select(blob => (manifest.Repository, blob)));
            result.DroppedManifests += isGone ? 1 : 0;
            if (!isGone)
            {
                mark.Hold(manifest.Digest);
            }
        }

        foreach ((string repository, Digest blob) in kept)
        {
            mark.Hold(blob);
        }

        released.ExceptWith(kept);
        foreach ((string repository, Digest blob) in released)
        {
            await SweepLinkAsync(repository, blob, mark, result, cancellationToken);
        }
    }

    private async Task SweepLinkAsync(string repository, Digest blob, MarkResult mark, SweepResult result, CancellationToken cancellationToken)
    {
        if (await TryDeleteAsync(blob, () => backend.DeleteAsync(StoragePaths.BlobLink(repository, blob), cancellationToken).AsTask()))
        {
            result.DroppedLinks++;
        }
        else
        {
            mark.Hold(blob);
        }
    }

    /// <summary>False when somebody uses the digest, or did since the mark began.</summary>
    private async Task<bool> TryDeleteAsync(Digest digest, Func<Task<bool>> delete)
    {
        if (!fence.TryCondemn(digest))
        {
            return false;
        }

        try
        {
            await delete();
            return true;
        }
        finally
        {
            fence.Absolve(digest);
        }
    }
}

/// <summary>What a sweep did, and what remains.</summary>
internal sealed class SweepResult
{
    public long StoredBlobs { get; set; }

    public long StoredBytes { get; set; }

    public long ReferencedBytes { get; set; }

    public long FreedBlobs { get; set; }

    public long FreedBytes { get; set; }

    public long DroppedManifests { get; set; }

    public long DroppedLinks { get; set; }

    /// <summary>Unused blobs that stay for now: too young, or just in somebody's hands.</summary>
    public long YoungBlobs { get; set; }
}
