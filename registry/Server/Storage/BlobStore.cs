using System.Security.Cryptography;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Api;
using AiModels.Registry.Capacity;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.Storage;

/// <summary>
/// Content under its digest, stored once, and the links that say which repository holds it. A blob without a link in a repository does not exist there, whoever asks.
/// </summary>
internal sealed class BlobStore(IStorageBackend backend, ContentReceiver receiver, BlobFence fence, CapacityLedger ledger, TimeProvider clock)
{
    // A link's age is what protects it before a manifest does; renewing it more often than this would only write.
    private static readonly TimeSpan LinkRenewal = TimeSpan.FromHours(1);

    /// <summary>The blob as this repository holds it, or null.</summary>
    public async ValueTask<StorageEntry?> FindAsync(string repository, Digest digest, CancellationToken cancellationToken)
    {
        // Both at once: where a look costs a request over the network, the second would double the time to the first byte.
        Task<StorageEntry?> blob = backend.StatAsync(StoragePaths.Blob(digest), cancellationToken).AsTask();
        StorageEntry? link = await backend.StatAsync(StoragePaths.BlobLink(repository, digest), cancellationToken);
        StorageEntry? found = await blob;
        return link is null ? null : found;
    }

    /// <summary>Opens a blob that <see cref="FindAsync"/> found in a repository, for so many bytes from an offset; null when it was deleted since.</summary>
    public ValueTask<StorageReader?> OpenFoundAsync(Digest digest, long offset, long length, CancellationToken cancellationToken) =>
        backend.OpenRangeAsync(StoragePaths.Blob(digest), offset, length, cancellationToken);

    /// <summary>
    /// Receives a blob whose digest is known. Content that is stored already is not written again, but it must still be sent whole: knowing a digest is no right to read.
    /// </summary>
    /// <returns>The blob's length.</returns>
    public async Task<long> PushAsync(string repository, Digest digest, Stream body, long? length, CancellationToken cancellationToken)
    {
        // All looks at once: where each costs a request over the network, they are what a push of a small blob mostly waits for.
        string path = StoragePaths.Blob(digest);
        Task<StorageEntry?> link = backend.StatAsync(StoragePaths.BlobLink(repository, digest), cancellationToken).AsTask();
        Task<StorageEntry?> blob = backend.StatAsync(path, cancellationToken).AsTask();
        using BlobFence.Lease use = await fence.UseAsync([digest], cancellationToken);
        bool mayBeLinked = await link is not null;

        // Of a look without a lease only absence counts: what it saw may be gone since.
        bool isStored = await blob is not null && await backend.StatAsync(path, cancellationToken) is not null;
        using IncrementalHash hash = ContentHash.Create(digest.Algorithm);
        await using IStorageWriter? writer = isStored ? null : await backend.CreateAsync(new WriteIntent(path, length, repository, digest), cancellationToken);

        ReceivedContent content = await receiver.ReceiveAsync(body, length, writer, hash, cancellationToken);
        if (content.Cut is not null)
        {
            throw new RegistryException(RegistryError.BlobUploadInvalid, $"The body ended after {content.Length} bytes.", content.Cut);
        }

        RequireDigest(digest, ContentHash.Current(hash));
        if (writer is not null)
        {
            await writer.CommitAsync(path, cancellationToken);
            await ProveAsync(writer, path, digest, cancellationToken);
        }

        await LinkAsync(use, repository, digest, isPaid: writer is not null, mayBeLinked, cancellationToken);
        return content.Length;
    }

    /// <summary>Makes parts that hash to the digest the blob, and links it.</summary>
    public async Task AssembleAsync(string repository, Digest digest, IReadOnlyList<string> parts, CancellationToken cancellationToken)
    {
        using BlobFence.Lease use = await fence.UseAsync([digest], cancellationToken);
        if (await backend.StatAsync(StoragePaths.Blob(digest), cancellationToken) is null)
        {
            await backend.ComposeAsync(parts, StoragePaths.Blob(digest), cancellationToken);
        }

        await LinkAsync(use, repository, digest, isPaid: false, mayBeLinked: true, cancellationToken);
    }

    /// <summary>Stores content that is in memory, without linking it: a manifest's bytes, which its own link makes visible. The caller uses the digest.</summary>
    public async Task StoreAsync(string repository, Digest digest, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        string path = StoragePaths.Blob(digest);
        if (await backend.StatAsync(path, cancellationToken) is null)
        {
            await using IStorageWriter writer = await backend.CreateAsync(new WriteIntent(path, content.Length, repository, digest), cancellationToken);
            await writer.WriteAsync(content, cancellationToken);
            await writer.CommitAsync(path, cancellationToken);
        }
    }

    /// <summary>Links a blob of one repository into another. False when the source does not hold it.</summary>
    public async Task<bool> MountAsync(string from, string to, Digest digest, CancellationToken cancellationToken)
    {
        using BlobFence.Lease use = await fence.UseAsync([digest], cancellationToken);
        if (await FindAsync(from, digest, cancellationToken) is null)
        {
            return false;
        }

        await LinkAsync(use, to, digest, isPaid: false, mayBeLinked: true, cancellationToken);
        return true;
    }

    /// <summary>Links a blob that any repository holds: only for callers who may read all of them.</summary>
    public async Task<bool> MountFromAnywhereAsync(string to, Digest digest, CancellationToken cancellationToken)
    {
        using BlobFence.Lease use = await fence.UseAsync([digest], cancellationToken);
        if (await backend.StatAsync(StoragePaths.Blob(digest), cancellationToken) is null)
        {
            return false;
        }

        await LinkAsync(use, to, digest, isPaid: false, mayBeLinked: true, cancellationToken);
        return true;
    }

    /// <summary>Takes the blob out of the repository; its bytes stay until a collection finds that nobody holds them.</summary>
    public ValueTask<bool> UnlinkAsync(string repository, Digest digest, CancellationToken cancellationToken) =>
        backend.DeleteAsync(StoragePaths.BlobLink(repository, digest), cancellationToken);

    /// <summary>
    /// Reads what was stored when the medium has not confirmed it. What is not as it was sent goes again: nobody links a blob before its proof but one who pushes the same
    /// content at this moment, and whose manifest then names a missing blob and is refused.
    /// </summary>
    private async Task ProveAsync(IStorageWriter writer, string path, Digest digest, CancellationToken cancellationToken)
    {
        if (writer.IsProven)
        {
            return;
        }

        Digest stored = await receiver.HashAsync(backend, path, digest.Algorithm, cancellationToken);
        if (stored != digest)
        {
            await backend.DeleteAsync(path, CancellationToken.None);
            throw new IOException($"{path} was stored as {stored}: the storage changed it.");
        }
    }

    internal static void RequireDigest(Digest announced, Digest actual)
    {
        if (announced != actual)
        {
            throw new RegistryException(RegistryError.DigestInvalid, $"The content has digest {actual}, not {announced}.");
        }
    }

    /// <param name="isPaid">Whether the repository's reservation was used when the bytes were stored.</param>
    /// <param name="mayBeLinked">False when it was not linked a moment ago. If it is since, the link is written twice, which is harmless where nothing is counted by it.</param>
    private async ValueTask LinkAsync(BlobFence.Lease use, string repository, Digest digest, bool isPaid, bool mayBeLinked, CancellationToken cancellationToken)
    {
        if (await use.RenewAsync(cancellationToken) && await backend.StatAsync(StoragePaths.Blob(digest), cancellationToken) is null)
        {
            throw new RegistryException(RegistryError.Unavailable, $"{digest} was deleted while it was being sent; send it again.");
        }

        string link = StoragePaths.BlobLink(repository, digest);
        bool isTracked = ledger.IsTracked(repository);
        StorageEntry? existing = mayBeLinked || isTracked ? await backend.StatAsync(link, cancellationToken) : null;
        bool isNew = existing is null;
        if (isNew && isTracked && await backend.StatAsync(StoragePaths.Blob(digest), cancellationToken) is { } blob)
        {
            ledger.Link(repository, blob.Length, isPaid);
        }

        if (isNew || clock.GetUtcNow() - existing!.Value.Modified > LinkRenewal)
        {
            await backend.PutAsync(link, ReadOnlyMemory<byte>.Empty, PutMode.Replace, cancellationToken);
        }
    }
}
