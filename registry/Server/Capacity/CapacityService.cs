using AiModels.Registry.Storage;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.Capacity;

/// <summary>Counts what is stored when the registry starts; until then limited writers wait. Where several registries share a bucket it keeps an eye on what the others store and promise. Afterwards it removes reservations that have lapsed.</summary>
internal sealed partial class CapacityService(
    IStorageBackend backend, CapacityLedger ledger, ReservationBook reservations, RepositoryOwners owners, RepositoryContent content, CapacityMetrics metrics, TimeProvider clock, ILogger<CapacityService> logger)
    : BackgroundService
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan ExpiryInterval = TimeSpan.FromSeconds(30);

    // A listing of a million objects is a thousand requests: not more often, and never where one process owns the storage and knows everything.
    private static readonly TimeSpan ShareInterval = TimeSpan.FromMinutes(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        metrics.Observe(ledger);
        while (!ledger.Counted.IsCompleted && !stoppingToken.IsCancellationRequested)
        {
            try
            {
                await CountAsync(stoppingToken);
            }
            catch (IOException failure)
            {
                Log.CannotCount(logger, failure.Message);
                await Task.Delay(RetryDelay, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        long counted = clock.GetTimestamp();
        using var ticks = new PeriodicTimer(ExpiryInterval, clock);
        while (await WaitAsync(ticks, stoppingToken))
        {
            try
            {
                await reservations.ExpireAsync(stoppingToken);
                if (backend.IsShared)
                {
                    await reservations.ShareAsync(stoppingToken);
                    if (clock.GetElapsedTime(counted) > ShareInterval)
                    {
                        await RecountAsync(stoppingToken);
                        counted = clock.GetTimestamp();
                    }
                }
            }
            catch (IOException failure)
            {
                Log.CannotExpire(logger, failure.Message);
            }
        }
    }

    /// <summary>One recount. Returns by how much the ledger was wrong.</summary>
    public async Task<StoredBytes> RecountAsync(CancellationToken cancellationToken)
    {
        ledger.BeginRecount();
        bool isComplete = false;
        StoredBytes correction;
        try
        {
            foreach (string folder in (string[])[StoragePaths.Blobs, StoragePaths.Quarantine, StoragePaths.Uploads])
            {
                await foreach (StorageEntry entry in backend.ListAsync(folder, null, cancellationToken))
                {
                    if (StoredBytes.Counts(entry.Path))
                    {
                        ledger.Count(entry.Path, entry.Length);
                    }
                }
            }

            isComplete = true;
        }
        finally
        {
            correction = ledger.EndRecount(isComplete);
        }

        if (correction != default)
        {
            Log.Counted(logger, correction.Blobs, correction.Staged);
        }

        return correction;
    }

    /// <summary>What the ledger must know before it can keep limits.</summary>
    public async Task CountAsync(CancellationToken cancellationToken)
    {
        if (ledger.Limits.HasQuotas)
        {
            await CountRepositoriesAsync(cancellationToken);
        }

        await reservations.RestoreAsync(cancellationToken);
        await RecountAsync(cancellationToken);
    }

    private async Task CountRepositoriesAsync(CancellationToken cancellationToken)
    {
        await foreach (StorageEntry entry in backend.ListAsync(StoragePaths.Repositories, null, cancellationToken))
        {
            if (StoragePaths.TryReadLink(entry.Path, out string? repository, out LinkKind kind, out _) && kind == LinkKind.Owner
                && await owners.FindAsync(repository, cancellationToken) is { Namespace.Length: > 0 } owner)
            {
                ledger.Know(repository, owner.Namespace, await content.SizeAsync(repository, cancellationToken));
            }
        }
    }

    private static async ValueTask<bool> WaitAsync(PeriodicTimer ticks, CancellationToken stoppingToken)
    {
        try
        {
            return await ticks.WaitForNextTickAsync(stoppingToken);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "A recount of storage corrected the ledger by {Blobs} bytes of blobs and {Staged} bytes of uploads")]
        public static partial void Counted(ILogger logger, long blobs, long staged);

        [LoggerMessage(2, LogLevel.Warning, "What is stored cannot be counted yet; limited writers wait: {Problem}")]
        public static partial void CannotCount(ILogger logger, string problem);

        [LoggerMessage(3, LogLevel.Warning, "Lapsed reservations cannot be removed: {Problem}")]
        public static partial void CannotExpire(ILogger logger, string problem);
    }
}
