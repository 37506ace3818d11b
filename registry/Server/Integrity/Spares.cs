using AiModels.ModelPack.Oci;
using AiModels.Registry.Storage;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.Integrity;

/// <summary>
/// Second copies of manifests and configs. They name everything else, so that one flipped bit in them takes a whole model away, and nobody else has exactly these bytes: chunks come
/// back from where they came from or from a node, these from here. They are small; a spare is no promise, and what has none is what it always was.
/// </summary>
internal sealed partial class Spares(IStorageBackend backend, ILogger<Spares> logger)
{
    /// <summary>Keeps content that was just stored.</summary>
    public async ValueTask KeepAsync(Digest digest, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        string path = StoragePaths.Spare(digest);
        if (await backend.StatAsync(path, cancellationToken) is null)
        {
            await backend.PutAsync(path, content, PutMode.Replace, cancellationToken);
        }
    }

    /// <summary>Keeps a stored blob, unless it is large or not what its digest says.</summary>
    public async ValueTask KeepStoredAsync(Digest digest, long length, CancellationToken cancellationToken)
    {
        if (length <= ManifestContent.MaxLength && await backend.StatAsync(StoragePaths.Spare(digest), cancellationToken) is null
            && await ReadAsync(StoragePaths.Blob(digest), digest, cancellationToken) is { } content)
        {
            await backend.PutAsync(StoragePaths.Spare(digest), content, PutMode.Replace, cancellationToken);
        }
    }

    /// <summary>Makes a blob that is missing whole again. False when there is no sound copy. Needs no room: the copy becomes the blob, and is then made again.</summary>
    public async ValueTask<bool> TryRestoreAsync(Digest digest, CancellationToken cancellationToken)
    {
        string spare = StoragePaths.Spare(digest);
        if (await ReadAsync(spare, digest, cancellationToken) is not { } content)
        {
            return false;
        }

        await backend.ComposeAsync([spare], StoragePaths.Blob(digest), cancellationToken);
        await KeepAsync(digest, content, cancellationToken);
        return true;
    }

    /// <summary>Reads all of them, and makes those that have rotted from their blobs again.</summary>
    public async Task CheckAsync(Pace pace, CancellationToken cancellationToken)
    {
        await foreach (StorageEntry entry in backend.ListAsync(StoragePaths.Spares, null, cancellationToken))
        {
            await pace.SpendAsync(entry.Length, cancellationToken);
            if (StoragePaths.TryReadTail(entry.Path, out Digest digest) && await ReadAsync(entry.Path, digest, cancellationToken) is null
                && await ReadAsync(StoragePaths.Blob(digest), digest, cancellationToken) is { } content)
            {
                Log.Rotten(logger, digest);
                await backend.PutAsync(entry.Path, content, PutMode.Replace, cancellationToken);
            }
        }
    }

    /// <summary>Digests that have one.</summary>
    public async Task<IReadOnlySet<Digest>> ListAsync(CancellationToken cancellationToken)
    {
        var digests = new HashSet<Digest>();
        await foreach (StorageEntry entry in backend.ListAsync(StoragePaths.Spares, null, cancellationToken))
        {
            if (StoragePaths.TryReadTail(entry.Path, out Digest digest))
            {
                digests.Add(digest);
            }
        }

        return digests;
    }

    /// <summary>The blob is about to go. Before it, so that no spare is left of what is nowhere listed any more.</summary>
    public async ValueTask DropAsync(Digest digest, CancellationToken cancellationToken) => await backend.DeleteAsync(StoragePaths.Spare(digest), cancellationToken);

    /// <summary>What is there, when it is what the digest says.</summary>
    private async ValueTask<byte[]?> ReadAsync(string path, Digest digest, CancellationToken cancellationToken)
    {
        try
        {
            return await backend.StatAsync(path, cancellationToken) is { Length: <= ManifestContent.MaxLength }
                && await backend.ReadAllAsync(path, ManifestContent.MaxLength, cancellationToken) is { } content && ContentHash.Of(digest.Algorithm, content) == digest ? content : null;
        }
        catch (IOException failure) when (failure is not StorageUnavailableException)
        {
            Log.Unreadable(logger, path, failure.Message);
            return null;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "The second copy of {Digest} has rotted and is made from the first again")]
        public static partial void Rotten(ILogger logger, Digest digest);

        [LoggerMessage(2, LogLevel.Warning, "{Path} cannot be read: {Problem}")]
        public static partial void Unreadable(ILogger logger, string path, string problem);
    }
}
