using System.Text.Json;
using AiModels.Registry.Storage;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.GarbageCollection;

/// <summary>
/// One collection: arm the cleanup requests, mark, sweep, report. Safe beside pushes, pulls and mounts by <see cref="BlobFence"/>; one that is interrupted has done
/// part of its work, and the next does the rest.
/// </summary>
internal sealed class GarbageCollector(
    IStorageBackend backend, Marker marker, Sweeper sweeper, CleanupRequests cleanups, BlobFence fence, RegistryMetrics metrics, TimeProvider clock)
    : IDisposable
{
    private const int MaxStateLength = 64 * 1024;

    private readonly SemaphoreSlim _one = new(1, 1);

    /// <summary>What the last collection did, or null before the first.</summary>
    public async Task<CollectionState?> ReadStateAsync(CancellationToken cancellationToken)
    {
        byte[]? content = await backend.ReadAllAsync(StoragePaths.CollectionState, MaxStateLength, cancellationToken);
        return content is null ? null : JsonSerializer.Deserialize(content, RegistryJson.Default.CollectionState);
    }

    /// <summary>Runs a collection; one at a time.</summary>
    public async Task<CollectionState> CollectAsync(CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        DateTimeOffset started = clock.GetUtcNow();
        try
        {
            CollectionState state = await RunAsync(started, cancellationToken);
            await ReportAsync(state, cancellationToken);
            return state;
        }
        catch (IOException failure)
        {
            await ReportAsync(new CollectionState { StartedAt = started, FinishedAt = clock.GetUtcNow(), Error = failure.Message }, cancellationToken);
            throw;
        }
        finally
        {
            fence.EndCollection();
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();

    private async Task<CollectionState> RunAsync(DateTimeOffset started, CancellationToken cancellationToken)
    {
        IReadOnlyList<CleanupRequest> armed = await cleanups.ArmAsync(cancellationToken);
        fence.BeginCollection();
        MarkResult mark = await marker.MarkAsync(cancellationToken);
        SweepResult sweep = await sweeper.SweepAsync(mark, cancellationToken);

        // Unused blobs that had to stay may be a request's: it is done when none is left.
        bool isClean = sweep.YoungBlobs == 0;
        foreach (CleanupRequest request in isClean ? armed : [])
        {
            await cleanups.FinishAsync(request, cancellationToken);
        }

        return new CollectionState
        {
            StartedAt = started,
            FinishedAt = clock.GetUtcNow(),
            StoredBlobs = sweep.StoredBlobs,
            StoredBytes = sweep.StoredBytes,
            ReferencedBytes = sweep.ReferencedBytes,
            Repositories = mark.Repositories,
            Manifests = mark.Manifests,
            FreedBlobs = sweep.FreedBlobs,
            FreedBytes = sweep.FreedBytes,
            DroppedManifests = sweep.DroppedManifests,
            DroppedLinks = sweep.DroppedLinks,
            YoungBlobs = sweep.YoungBlobs,
            QueuedCleanups = isClean ? 0 : armed.Count,
        };
    }

    private async Task ReportAsync(CollectionState state, CancellationToken cancellationToken)
    {
        metrics.Collected(state);
        await backend.PutAsync(StoragePaths.CollectionState, JsonSerializer.SerializeToUtf8Bytes(state, RegistryJson.Default.CollectionState), PutMode.Replace, cancellationToken);
    }
}
