using AiModels.Registry.Grants;
using AiModels.Registry.Storage;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.GarbageCollection;

/// <summary>Keeps house: collections on their interval and soon after a cleanup request, uploads left behind, accounts gone cold.</summary>
internal sealed partial class GarbageCollectionService(
    GarbageCollector collector, IStorageBackend backend, CleanupRequests cleanups, UploadStore uploads, TransferAccounts accounts, RegistryOptions options, RegistryMetrics metrics, TimeProvider clock,
    ILogger<GarbageCollectionService> logger) : BackgroundService
{
    // Deleting many models is one collection, not many.
    private static readonly TimeSpan RequestDelay = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            bool isDone = await RunAsync(stoppingToken);
            using var wake = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
            Task requested = cleanups.WaitAsync(wake.Token);

            // Requests that had to stay are looked at again as soon as their blobs are old enough.
            TimeSpan grace = backend.IsShared ? options.GcCondemnedGrace : options.GcGrace;
            TimeSpan pause = isDone || grace > options.GcInterval ? options.GcInterval : grace + RequestDelay;
            Task next = Task.Delay(pause, clock, wake.Token);
            if (await Task.WhenAny(requested, next) == requested && requested.IsCompletedSuccessfully)
            {
                await Task.Delay(RequestDelay, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            await wake.CancelAsync();
        }
    }

    /// <summary>Returns whether no cleanup request is left.</summary>
    private async Task<bool> RunAsync(CancellationToken stoppingToken)
    {
        try
        {
            int expired = await ExpireUploadsAsync(stoppingToken);
            accounts.Expire();
            if (await collector.TryCollectAsync(stoppingToken) is not { } state)
            {
                return true; // Another process does it.
            }

            if (state.FreedBlobs > 0 || expired > 0 || state.DroppedLinks > 0)
            {
                Log.Collected(logger, state.FreedBytes, state.FreedBlobs, state.DroppedLinks, expired, state.StoredBytes);
            }

            return state.QueuedCleanups == 0;
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            return true;
        }
        catch (Exception failure)
        {
            // The store may be out of reach for a while; nothing is lost by trying again later.
            Log.Failed(logger, failure);
            return true;
        }
    }

    /// <summary>An upload that cannot be removed keeps nothing else from being collected.</summary>
    private async Task<int> ExpireUploadsAsync(CancellationToken stoppingToken)
    {
        try
        {
            int expired = await uploads.ExpireAsync(options.UploadExpiry, stoppingToken);
            metrics.ExpiredUploads(expired);
            return expired;
        }
        catch (Exception failure) when (!stoppingToken.IsCancellationRequested)
        {
            Log.NotExpired(logger, failure);
            return 0;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "Freed {FreedBytes} bytes in {FreedBlobs} blobs, dropped {DroppedLinks} links and {ExpiredUploads} uploads; {StoredBytes} bytes are stored")]
        public static partial void Collected(ILogger logger, long freedBytes, long freedBlobs, long droppedLinks, int expiredUploads, long storedBytes);

        [LoggerMessage(2, LogLevel.Error, "Garbage collection failed; it runs again on its interval")]
        public static partial void Failed(ILogger logger, Exception failure);

        [LoggerMessage(3, LogLevel.Error, "Abandoned uploads could not all be removed; that is tried again at the next collection")]
        public static partial void NotExpired(ILogger logger, Exception failure);
    }
}
