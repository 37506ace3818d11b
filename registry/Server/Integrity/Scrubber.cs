using System.Text.Json;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Storage;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.Integrity;

/// <summary>
/// Reads every blob again, at a bounded rate, and has what is no longer what its digest says put aside (<see cref="BlobCheck"/>).
/// </summary>
internal sealed class Scrubber(
    IStorageBackend backend, BlobCheck check, Quarantine quarantine, Spares spares, IntegrityMetrics metrics, RegistryOptions options, TimeProvider clock)
{
    private const int MaxStateLength = 4096;

    // A restart reads again what was read in that time.
    private static readonly TimeSpan SaveEvery = TimeSpan.FromSeconds(30);

    /// <summary>What is known of the passes, or null before the first.</summary>
    public async Task<ScrubState?> ReadStateAsync(CancellationToken cancellationToken) =>
        await backend.ReadDocumentAsync(StoragePaths.ScrubState, MaxStateLength, RegistryJson.Default.ScrubState, cancellationToken);

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
            bool isRotten = StoragePaths.TryReadBlob(blob.Path, out Digest digest) && await check.WasRottenAsync(digest, pace, cancellationToken);
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

    private async Task SaveAsync(ScrubState state, CancellationToken cancellationToken) => await backend.PutAsync(
        StoragePaths.ScrubState, JsonSerializer.SerializeToUtf8Bytes(state, RegistryJson.Default.ScrubState), PutMode.Replace, cancellationToken);
}
