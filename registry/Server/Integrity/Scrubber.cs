using System.Buffers;
using System.Security.Cryptography;
using System.Text.Json;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Storage;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.Integrity;

/// <summary>
/// Reads every blob again, at a bounded rate, and compares it with its digest. What has rotted goes into <see cref="Quarantine"/>, after a second reading has said
/// the same: a bus or a memory that fails once is no reason to take a good blob away. Manifests and configs come back at once, from their second copy (<see cref="Spares"/>).
/// </summary>
internal sealed partial class Scrubber(IStorageBackend backend, Quarantine quarantine, Spares spares, IntegrityMetrics metrics, RegistryOptions options, TimeProvider clock, ILogger<Scrubber> logger)
{
    private const int BlockSize = 256 * 1024;
    private const int MaxStateLength = 4096;

    // A restart reads again what was read in that time.
    private static readonly TimeSpan SaveEvery = TimeSpan.FromSeconds(30);

    /// <summary>What is known of the passes, or null before the first.</summary>
    public async Task<ScrubState?> ReadStateAsync(CancellationToken cancellationToken) =>
        await backend.ReadAllAsync(StoragePaths.ScrubState, MaxStateLength, cancellationToken) is { } content ? JsonSerializer.Deserialize(content, RegistryJson.Default.ScrubState) : null;

    /// <summary>Goes on with the pass that was interrupted, or begins one when the last is long enough ago. Returns how long to wait for the next.</summary>
    public async Task<TimeSpan> RunAsync(CancellationToken cancellationToken)
    {
        metrics.Missing(await quarantine.TidyAsync(cancellationToken));
        ScrubState? last = await ReadStateAsync(cancellationToken);
        DateTimeOffset now = clock.GetUtcNow();
        if (last is { Cursor: null, LastPassFinishedAt: { } finished } && finished + options.ScrubInterval > now)
        {
            return finished + options.ScrubInterval - now;
        }

        ScrubState state = last is { Cursor: not null } ? last : new ScrubState { PassStartedAt = now, LastPassFinishedAt = last?.LastPassFinishedAt, RottenBlobs = last?.RottenBlobs ?? 0 };
        var pace = new Pace(options.ScrubRate, clock);
        long saved = clock.GetTimestamp();
        await foreach (StorageEntry blob in backend.ListAsync(StoragePaths.Blobs, state.Cursor, cancellationToken))
        {
            bool isRotten = StoragePaths.TryReadBlob(blob.Path, out Digest digest) && await IsRottenAsync(blob, digest, pace, cancellationToken);
            state = state with { Cursor = blob.Path, CheckedBlobs = state.CheckedBlobs + 1, CheckedBytes = state.CheckedBytes + blob.Length, RottenBlobs = state.RottenBlobs + (isRotten ? 1 : 0) };
            if (isRotten || clock.GetElapsedTime(saved) > SaveEvery)
            {
                await SaveAsync(state, cancellationToken);
                saved = clock.GetTimestamp();
            }
        }

        await spares.CheckAsync(pace, cancellationToken);
        await SaveAsync(state with { Cursor = null, LastPassFinishedAt = clock.GetUtcNow() }, cancellationToken);
        metrics.Missing(await quarantine.TidyAsync(cancellationToken));
        return options.ScrubInterval;
    }

    private async Task<bool> IsRottenAsync(StorageEntry blob, Digest digest, Pace pace, CancellationToken cancellationToken)
    {
        if (await ReadAsync(blob, digest, pace, cancellationToken) is not { } found || found == digest
            || await ReadAsync(blob, digest, pace, cancellationToken) is not { } again || again == digest)
        {
            return false;
        }

        await quarantine.TakeAsync(digest, cancellationToken);
        bool isRestored = await spares.TryRestoreAsync(digest, cancellationToken);
        metrics.Rotten(isMissing: !isRestored);
        if (isRestored)
        {
            Log.RottenAndRestored(logger, digest, again, blob.Length);
        }
        else
        {
            Log.Rotten(logger, digest, again, blob.Length);
        }

        return true;
    }

    /// <summary>The digest of what is stored; null when it was deleted meanwhile.</summary>
    private async Task<Digest?> ReadAsync(StorageEntry blob, Digest digest, Pace pace, CancellationToken cancellationToken)
    {
        byte[] block = ArrayPool<byte>.Shared.Rent(BlockSize);
        try
        {
            await using StorageReader? reader = await backend.OpenReadAsync(blob.Path, 0, cancellationToken);
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
                await pace.SpendAsync(count, cancellationToken);
            }

            return ContentHash.Current(hash);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(block);
        }
    }

    private async Task SaveAsync(ScrubState state, CancellationToken cancellationToken) => await backend.PutAsync(
        StoragePaths.ScrubState, JsonSerializer.SerializeToUtf8Bytes(state, RegistryJson.Default.ScrubState), PutMode.Replace, cancellationToken);

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Error, "Blob {Digest} ({Bytes} bytes) has rotted: its bytes have digest {Found}. It is in quarantine and no longer served; a push of the same content heals it")]
        public static partial void Rotten(ILogger logger, Digest digest, Digest found, long bytes);

        [LoggerMessage(2, LogLevel.Warning, "Blob {Digest} ({Bytes} bytes) had rotted: its bytes had digest {Found}. It is whole again from its second copy")]
        public static partial void RottenAndRestored(ILogger logger, Digest digest, Digest found, long bytes);
    }
}
