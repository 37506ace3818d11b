namespace AiModels.NodeAgent.Cache;

/// <summary>
/// Compares the cache's content with its digests, one model after the other, the one that was looked at longest ago first (requirement D7: it verifies what it serves).
/// Off unless a rate is given.
/// </summary>
internal sealed partial class Scrubber(NodeCache cache, ServeOptions options, TimeProvider time, ILogger<Scrubber> logger) : BackgroundService
{
    // Between two models: a cache of a few small ones is not read in circles.
    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.ScrubRate == 0)
        {
            return;
        }

        using var timer = new PeriodicTimer(Pause, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await cache.ScrubOneAsync(options.ScrubRate, stoppingToken);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                Log.Postponed(logger, e.Message);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(30, LogLevel.Warning, "A model could not be compared with its digests, and will be later: {Reason}")]
        public static partial void Postponed(ILogger logger, string reason);
    }
}
