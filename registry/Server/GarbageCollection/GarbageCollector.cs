using System.Text.Json;
using AiModels.Registry.Storage;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.GarbageCollection;

/// <summary>
/// One collection: arm the cleanup requests, mark, sweep, report. Safe beside pushes, pulls and mounts by <see cref="BlobFence"/> and <see cref="CondemnedDigests"/>;
/// one at a time among all processes that share the storage; one that is interrupted goes on where it was.
/// </summary>
internal sealed class GarbageCollector(
    IStorageBackend backend, Marker marker, Sweeper sweeper, CleanupRequests cleanups, BlobFence fence, CondemnedDigests condemned, RegistryMetrics metrics, TimeProvider clock)
    : IDisposable
{
    private const int MaxStateLength = 64 * 1024;

    private readonly SemaphoreSlim _one = new(1, 1);

    /// <summary>What this process is at, or null.</summary>
    public RunningCollection? Running { get; private set; }

    /// <summary>What the last collection did, or null before the first.</summary>
    public async Task<CollectionState?> ReadStateAsync(CancellationToken cancellationToken)
    {
        return await backend.ReadDocumentAsync(StoragePaths.CollectionState, MaxStateLength, RegistryJson.Default.CollectionState, cancellationToken);
    }

    /// <summary>The collection that runs, here or in another process, or was interrupted and waits to go on; null when there is none.</summary>
    public async Task<RunningCollection?> ReadRunningAsync(CancellationToken cancellationToken)
    {
        return Running ?? await backend.ReadDocumentAsync(StoragePaths.RunningCollection, MaxStateLength, RegistryJson.Default.RunningCollection, cancellationToken);
    }

    /// <summary>Runs a collection; one at a time. Null when another process runs one.</summary>
    public async Task<CollectionState?> TryCollectAsync(CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        DateTimeOffset started = clock.GetUtcNow();
        var lease = new CollectionLease(backend, clock);
        try
        {
            if (!await lease.TryAcquireAsync(cancellationToken))
            {
                return null;
            }

            CollectionState? state = null;
            await lease.HoldWhileAsync(async stop => state = await RunAsync(lease, started, stop), cancellationToken);
            await ReportAsync(state!, cancellationToken);
            return state;
        }
        catch (IOException failure)
        {
            await ReportAsync(new CollectionState { StartedAt = started, FinishedAt = clock.GetUtcNow(), Error = failure.Message }, cancellationToken);
            throw;
        }
        finally
        {
            Running = null;
            fence.EndCollection();
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();

    private async Task<CollectionState> RunAsync(CollectionLease lease, DateTimeOffset started, CancellationToken cancellationToken)
    {
        // Step 1: what is to be collected, and where an interrupted collection was.
        IReadOnlyList<CleanupRequest> armed = await cleanups.ArmAsync(cancellationToken);
        RunningCollection? interrupted = await ReadRunningAsync(cancellationToken);
        bool goesOn = interrupted is { Phase: CollectionPhase.Sweeping, Cursor: not null };
        DateTimeOffset now = await NowAsync(cancellationToken);
        fence.BeginCollection();
        await condemned.BeginAsync(lease, now, cancellationToken);
        var run = new RunningCollection
        {
            StartedAt = goesOn ? interrupted!.StartedAt : started,
            Phase = CollectionPhase.Marking,
            Cursor = goesOn ? interrupted!.Cursor : null,
            Interruptions = interrupted is null ? 0 : interrupted.Interruptions + 1,
            Done = goesOn ? interrupted!.Done : new SweepResult(),
        };
        await SaveAsync(run, cancellationToken);

        // Step 2: mark, and drop what nothing holds inside of repositories.
        var held = new DigestTable();
        var dropped = new SweepResult();
        int repositories = 0, manifests = 0;
        await foreach (RepositoryMark mark in marker.MarkAsync(now, cancellationToken))
        {
            repositories++;
            manifests += mark.Manifests.Count;
            await sweeper.SweepRepositoryAsync(mark, held, dropped, cancellationToken);
        }

        // Step 3: free blobs, from where the last one had come to.
        SweepResult result = run.Done;
        (result.DroppedManifests, result.DroppedLinks, result.WaitingBlobs) =
            (result.DroppedManifests + dropped.DroppedManifests, result.DroppedLinks + dropped.DroppedLinks, dropped.WaitingBlobs);
        run = run with { Phase = CollectionPhase.Sweeping };
        await sweeper.SweepBlobsAsync(held, now, result, run.Cursor, cursor => SaveAsync(run = run with { Cursor = cursor }, cancellationToken), cancellationToken);

        await sweeper.SweepQuarantineAsync(held, cancellationToken);

        // Step 4: unused blobs that had to stay may be a request's, and so may those before the place where an interrupted sweep went on: it is done when none is left.
        bool isClean = result.YoungBlobs == 0 && !goesOn;
        foreach (CleanupRequest request in isClean ? armed : [])
        {
            await cleanups.FinishAsync(request, cancellationToken);
        }

        await backend.DeleteAsync(StoragePaths.RunningCollection, cancellationToken);
        return new CollectionState
        {
            StartedAt = run.StartedAt,
            FinishedAt = clock.GetUtcNow(),
            StoredBlobs = result.StoredBlobs,
            StoredBytes = result.StoredBytes,
            ReferencedBytes = result.ReferencedBytes,
            Repositories = repositories,
            Manifests = manifests,
            FreedBlobs = result.FreedBlobs,
            FreedBytes = result.FreedBytes,
            DroppedManifests = result.DroppedManifests,
            DroppedLinks = result.DroppedLinks,
            YoungBlobs = result.YoungBlobs,
            YoungBytes = result.YoungBytes,
            CondemnedDigests = condemned.Known.Count,
            Interruptions = run.Interruptions,
            QueuedCleanups = isClean ? 0 : armed.Count,
        };
    }

    /// <summary>What ages are counted to: the clock that stamped the objects, where that is another machine's.</summary>
    private async ValueTask<DateTimeOffset> NowAsync(CancellationToken cancellationToken) =>
        backend.IsShared ? await backend.GetTimeAsync(cancellationToken) : clock.GetUtcNow();

    private async Task SaveAsync(RunningCollection run, CancellationToken cancellationToken)
    {
        Running = run;
        await backend.PutAsync(StoragePaths.RunningCollection, JsonSerializer.SerializeToUtf8Bytes(run, RegistryJson.Default.RunningCollection), PutMode.Replace, cancellationToken);
    }

    private async Task ReportAsync(CollectionState state, CancellationToken cancellationToken)
    {
        metrics.Collected(state);
        await backend.PutAsync(StoragePaths.CollectionState, JsonSerializer.SerializeToUtf8Bytes(state, RegistryJson.Default.CollectionState), PutMode.Replace, cancellationToken);
    }
}
