using System.Runtime.CompilerServices;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Storage;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.Integrity;

/// <summary>
/// Where bytes go that are no longer what their digest says. From then on the blob is missing: nobody is served wrong bytes, whoever asks gets BLOB_UNKNOWN, and the
/// next push of the same content makes it whole again, because it is written like any content that is not there.
/// </summary>
internal sealed class Quarantine(IStorageBackend backend, Spares spares)
{
    /// <summary>Takes a blob out of service. Its bytes are kept for whoever wants to look at them.</summary>
    public async ValueTask TakeAsync(Digest digest, CancellationToken cancellationToken) =>
        await backend.ComposeAsync([StoragePaths.Blob(digest)], StoragePaths.Quarantined(digest), cancellationToken);

    /// <summary>Blobs that are missing because they have rotted.</summary>
    public async IAsyncEnumerable<LostBlob> ListAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (StorageEntry entry in backend.ListAsync(StoragePaths.Quarantine, null, cancellationToken))
        {
            if (StoragePaths.TryReadTail(entry.Path, out Digest digest) && await backend.StatAsync(StoragePaths.Blob(digest), cancellationToken) is null)
            {
                yield return new LostBlob(digest, entry.Length, entry.Modified);
            }
        }
    }

    /// <summary>Those of them that a repository holds.</summary>
    public async Task<IReadOnlyList<LostBlob>> OfRepositoryAsync(string repository, CancellationToken cancellationToken)
    {
        var lost = new List<LostBlob>();
        await foreach (LostBlob blob in ListAsync(cancellationToken))
        {
            if (await backend.StatAsync(StoragePaths.BlobLink(repository, blob.Digest), cancellationToken) is not null
                || await backend.StatAsync(StoragePaths.ManifestLink(repository, blob.Digest), cancellationToken) is not null)
            {
                lost.Add(blob);
            }
        }

        return lost;
    }

    /// <summary>Whether a blob that a repository holds has rotted and is missing since.</summary>
    public async Task<bool> HasLostAsync(string repository, Digest digest, CancellationToken cancellationToken) =>
        await backend.StatAsync(StoragePaths.BlobLink(repository, digest), cancellationToken) is not null
        && await backend.StatAsync(StoragePaths.Quarantined(digest), cancellationToken) is not null
        && await backend.StatAsync(StoragePaths.Blob(digest), cancellationToken) is null;

    /// <summary>Removes rotten bytes whose blob is whole again, also by a second copy that nobody came to use. Returns how many are still missing.</summary>
    public async Task<int> TidyAsync(CancellationToken cancellationToken)
    {
        int missing = 0;
        await foreach (StorageEntry entry in backend.ListAsync(StoragePaths.Quarantine, null, cancellationToken))
        {
            if (StoragePaths.TryReadTail(entry.Path, out Digest digest) && (await backend.StatAsync(StoragePaths.Blob(digest), cancellationToken) is not null || await spares.TryRestoreAsync(digest, cancellationToken)))
            {
                await backend.DeleteAsync(entry.Path, cancellationToken);
            }
            else
            {
                missing++;
            }
        }

        return missing;
    }
}

/// <summary>A blob in quarantine.</summary>
/// <param name="Bytes">Length of what was found.</param>
/// <param name="Since">When it was put there.</param>
internal readonly record struct LostBlob(Digest Digest, long Bytes, DateTimeOffset Since);
