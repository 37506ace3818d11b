namespace AiModels.Registry.Storage.Backends.S3;

/// <summary>Ends what writers that were killed left behind: multipart uploads, which take space and are seen by nobody. Several replicas doing so disturb nobody.</summary>
internal sealed partial class S3Janitor(S3Backend backend, S3Options options, TimeProvider clock, ILogger<S3Janitor> logger) : BackgroundService
{
    // What is looked for is a day old.
    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                int discarded = await backend.DiscardAbandonedAsync(options.AbandonedAfter, stoppingToken);
                if (discarded > 0)
                {
                    Log.Discarded(logger, discarded);
                }
            }
            catch (IOException failure)
            {
                Log.Failed(logger, failure.Message);
            }

            await Task.Delay(Interval, clock, stoppingToken);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "Ended {Count} writes that were left behind in the bucket")]
        public static partial void Discarded(ILogger logger, int count);

        [LoggerMessage(2, LogLevel.Warning, "Writes left behind in the bucket could not be ended: {Problem}")]
        public static partial void Failed(ILogger logger, string problem);
    }
}
