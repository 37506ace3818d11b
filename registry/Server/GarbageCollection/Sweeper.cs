using AiModels.ModelPack.Oci;
using AiModels.Registry.Integrity;
using AiModels.Registry.Storage;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.GarbageCollection;

/// <summary>Removes what a mark did not find in use, each piece only when nobody uses it, here or in another process.</summary>
internal sealed class Sweeper(IStorageBackend backend, ManifestStore manifests, BlobFence fence, CondemnedDigests condemned, Spares spares, RegistryOptions options)
{
    // A restart repeats at most so many steps of a listing, which is nothing beside the deletions it spares.
    private const int SaveEvery = 5000;

    /// <summary>
    /// What nothing holds in one repository: all manifests first, then the links to what only they named. What somebody uses after all stays, with everything it names.
    /// </summary>
    public async Task SweepRepositoryAsync(RepositoryMark mark, DigestTable held, SweepResult result, CancellationToken cancellationToken)
    {
        foreach (Digest digest in mark.Held)
        {
            held.Add(digest);
        }

        var released = new HashSet<Digest>(mark.StaleBlobs);
        var kept = new HashSet<Digest>();
        foreach ((Digest manifest, IReadOnlyList<Digest> blobs) in mark.StaleManifests)
        {
            bool isGone = await TryDeleteAsync(manifest, () => manifests.DeleteAsync(mark.Repository, manifest, cancellationToken), cancellationToken);
            (isGone ? released : kept).UnionWith(blobs);
            result.DroppedManifests += isGone ? 1 : 0;
            if (!isGone)
            {
                kept.Add(manifest);
            }
        }

        released.ExceptWith(kept);
        foreach (Digest blob in released)
        {
            if (await TryDeleteAsync(blob, () => backend.DeleteAsync(StoragePaths.BlobLink(mark.Repository, blob), cancellationToken).AsTask(), cancellationToken))
            {
                result.DroppedLinks++;
            }
            else
            {
                kept.Add(blob);
            }
        }

        foreach (Digest digest in kept)
        {
            held.Add(digest);
        }

        result.WaitingBlobs += kept.Count;
        if (mark.IsOnlyANote)
        {
            await backend.DeleteAsync(StoragePaths.Owner(mark.Repository), cancellationToken);
        }
    }

    /// <summary>Frees blobs that nothing holds.</summary>
    /// <param name="startAfter">Where an interrupted sweep had come to.</param>
    /// <param name="save">Told now and then how far it is.</param>
    public async Task SweepBlobsAsync(DigestTable held, DateTimeOffset now, SweepResult result, string? startAfter, Func<string, Task> save, CancellationToken cancellationToken)
    {
        int seen = 0;
        IReadOnlySet<Digest> spared = await spares.ListAsync(cancellationToken);
        await foreach (StorageEntry blob in backend.ListAsync(StoragePaths.Blobs, startAfter, cancellationToken))
        {
            if (++seen % SaveEvery == 0)
            {
                await save(blob.Path);
            }

            if (!StoragePaths.TryReadBlob(blob.Path, out Digest digest))
            {
                continue;
            }

            int holders = held[digest];
            if (holders > 0)
            {
                await condemned.AcquitAsync(digest, cancellationToken);
            }

            bool isYoung = now - blob.Modified < options.GcGrace;
            if (holders == 0 && !isYoung && await TryDeleteAsync(digest, () => DeleteBlobAsync(digest, spared.Contains(digest), cancellationToken), cancellationToken))
            {
                result.FreedBlobs++;
                result.FreedBytes += blob.Length;
                continue;
            }

            result.YoungBlobs += holders == 0 ? 1 : 0;
            result.YoungBytes += holders == 0 ? blob.Length : 0;
            result.StoredBlobs++;
            result.StoredBytes += blob.Length;
            result.ReferencedBytes += blob.Length * holders;
        }
    }

    /// <summary>Rotten bytes that nobody holds any more are nobody's loss, and a second copy that could not help does not stay either.</summary>
    public async Task SweepQuarantineAsync(DigestTable held, CancellationToken cancellationToken)
    {
        await foreach (StorageEntry entry in backend.ListAsync(StoragePaths.Quarantine, null, cancellationToken))
        {
            if (StoragePaths.TryReadTail(entry.Path, out Digest digest) && held[digest] == 0)
            {
                await spares.DropAsync(digest, cancellationToken);
                await backend.DeleteAsync(entry.Path, cancellationToken);
            }
        }
    }

    private async Task<bool> DeleteBlobAsync(Digest digest, bool hasSpare, CancellationToken cancellationToken)
    {
        if (hasSpare)
        {
            await spares.DropAsync(digest, cancellationToken);
        }

        return await backend.DeleteAsync(StoragePaths.Blob(digest), cancellationToken);
    }

    /// <summary>False when somebody uses the digest, or did since the mark began, or (between processes) has not had the time yet to say so.</summary>
    private async Task<bool> TryDeleteAsync(Digest digest, Func<Task<bool>> delete, CancellationToken cancellationToken)
    {
        if (!fence.TryCondemn(digest))
        {
            return false;
        }

        try
        {
            if (!await condemned.TrySentenceAsync(digest, cancellationToken))
            {
                return false;
            }

            await delete();
            await condemned.ForgetAsync(digest, cancellationToken);
            return true;
        }
        finally
        {
            fence.Absolve(digest);
        }
    }
}

/// <summary>What a sweep did, and what remains.</summary>
internal sealed record SweepResult
{
    public long StoredBlobs { get; set; }

    public long StoredBytes { get; set; }

    public long ReferencedBytes { get; set; }

    public long FreedBlobs { get; set; }

    public long FreedBytes { get; set; }

    public long DroppedManifests { get; set; }

    public long DroppedLinks { get; set; }

    /// <summary>Unused blobs that stay for now: too young, condemned, or just in somebody's hands.</summary>
    public long YoungBlobs { get; set; }

    public long YoungBytes { get; set; }

    /// <summary>Manifests and links that nothing holds and that stay for now.</summary>
    public long WaitingBlobs { get; set; }
}
