using System.Buffers;
using System.Security.Cryptography;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Storage;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.Integrity;

/// <summary>
/// Reads a blob again and compares it with its digest. What has rotted goes into <see cref="Quarantine"/>, after a second reading has said the same: a bus or a memory that fails once is
/// no reason to take a good blob away. Manifests and configs come back at once, from their second copy (<see cref="Spares"/>).
/// </summary>
internal sealed partial class BlobCheck(IStorageBackend backend, Quarantine quarantine, Spares spares, IntegrityMetrics metrics, ILogger<BlobCheck> logger)
{
    private const int BlockSize = 256 * 1024;

    /// <summary>Whether the blob was rotten. Afterwards it is either sound or missing.</summary>
    /// <param name="pace">How fast it may be read; null as fast as it goes.</param>
    public async Task<bool> WasRottenAsync(Digest digest, Pace? pace, CancellationToken cancellationToken)
    {
        if (await FindFaultAsync(digest, pace, cancellationToken) is null || await FindFaultAsync(digest, pace, cancellationToken) is not { } fault)
        {
            return false;
        }

        await quarantine.TakeAsync(digest, cancellationToken);
        bool isRestored = await spares.TryRestoreAsync(digest, cancellationToken);
        metrics.Rotten(isMissing: !isRestored);
        if (isRestored)
        {
            Log.RottenAndRestored(logger, digest, fault);
        }
        else
        {
            Log.Rotten(logger, digest, fault);
        }

        return true;
    }

    /// <summary>What is wrong with the stored bytes; null when nothing is, or when they are gone.</summary>
    private async Task<string?> FindFaultAsync(Digest digest, Pace? pace, CancellationToken cancellationToken)
    {
        try
        {
            return await ReadAsync(digest, pace, cancellationToken) is { } found && found != digest ? $"its bytes have digest {found}" : null;
        }
        catch (IOException failure) when (!backend.IsShared && failure is not StorageUnavailableException)
        {
            // A disk that does not give them back has lost them as surely as one that changes them, and the blobs behind this one are to be read as well.
            return $"its bytes cannot be read ({failure.Message})";
        }
    }

    /// <summary>The digest of what is stored; null when it was deleted meanwhile.</summary>
    private async Task<Digest?> ReadAsync(Digest digest, Pace? pace, CancellationToken cancellationToken)
    {
        byte[] block = ArrayPool<byte>.Shared.Rent(BlockSize);
        try
        {
            await using StorageReader? reader = await backend.OpenReadAsync(StoragePaths.Blob(digest), 0, cancellationToken);
            if (reader is null)
            {
                return null;
            }

            using IncrementalHash hash = ContentHash.Create(digest.Algorithm);
            int count;
            while ((count = await reader.Content.ReadAsync(block.AsMemory(0, BlockSize), cancellationToken)) > 0)
            {
                hash.AppendData(block, 0, count);
                metrics.Checked(count);
                if (pace is not null)
                {
                    await pace.SpendAsync(count, cancellationToken);
                }
            }

            return ContentHash.Current(hash);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(block);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Error, "Blob {Digest} has rotted: {Fault}. It is in quarantine and no longer served; a push of the same content heals it")]
        public static partial void Rotten(ILogger logger, Digest digest, string fault);

        [LoggerMessage(2, LogLevel.Warning, "Blob {Digest} had rotted: {Fault}. It is whole again from its second copy")]
        public static partial void RottenAndRestored(ILogger logger, Digest digest, string fault);
    }
}
