namespace AiModels.NodeAgent.Cache;

/// <summary>
/// Compares the cache's content with its digests, one model after the other, the one that was looked at longest ago first (requirement D7: it verifies what it serves).
/// Off unless a rate is given.
/// </summary>
internal sealed class Scrubber(NodeCache cache, ServeOptions options, TimeProvider time, ILogger<Scrubber> logger) : PeriodicLook(Pause, Pause, time, logger)
{
    // Between two models: a cache of a few small ones is not read in circles.
    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(10);

    public override Task LookAsync(CancellationToken cancellationToken) => cache.ScrubOneAsync(options.ScrubRate, cancellationToken);

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => options.ScrubRate == 0 ? Task.CompletedTask : base.ExecuteAsync(stoppingToken);
}
