using AiModels.Registry.Storage;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.Integrity;

/// <summary>Runs the scrubber in the background, in one of the processes that share a storage.</summary>
internal sealed partial class ScrubService(IStorageBackend backend, Scrubber scrubber, RegistryOptions options, TimeProvider clock, ILogger<ScrubService> logger) : BackgroundService
{
    // How soon another replica takes over, and how often healed blobs are looked for.
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(1);

    private readonly bool _isOn = options.ScrubRate > 0;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var lease = new CollectionLease(backend, clock, StoragePaths.ScrubLeases);
        while (_isOn && !stoppingToken.IsCancellationRequested)
        {
            TimeSpan pause = LongestPause;
            try
            {
                if (await lease.TryAcquireAsync(stoppingToken))
                {
                    await lease.HoldWhileAsync(async stop => pause = await scrubber.RunAsync(stop), stoppingToken);
                }
            }
            catch (IOException failure)
            {
                Log.Failed(logger, failure.Message);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }

            await Task.Delay(pause < LongestPause ? pause : LongestPause, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "Scrubbing stopped and goes on in a minute: {Problem}")]
        public static partial void Failed(ILogger logger, string problem);
    }
}
