namespace AiModels.NodeAgent;

/// <summary>
/// Something that runs with the agent and looks again and again. What a look throws is said once and met by the next look: a disk or an API that is in trouble for a while must not
/// end the agent, which an unhandled exception of a background service would.
/// </summary>
/// <param name="first">How long after the start the first look is.</param>
/// <param name="interval">From one look to the next.</param>
internal abstract partial class PeriodicLook(TimeSpan first, TimeSpan interval, TimeProvider time, ILogger logger) : BackgroundService
{
    private readonly LastProblem _problem = new();

    protected TimeProvider Time => time;

    protected ILogger Logger => logger;

    /// <summary>One look.</summary>
    public abstract Task LookAsync(CancellationToken cancellationToken);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Delay(first, time, stoppingToken);
        using var timer = new PeriodicTimer(interval, time);
        do
        {
            try
            {
                await LookAsync(stoppingToken);
                _problem.Forget();
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                if (_problem.IsNews(e.Message))
                {
                    Log.Failed(logger, interval, e.Message);
                }
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private static partial class Log
    {
        [LoggerMessage(5, LogLevel.Warning, "Failed, and is tried again in {Interval}: {Reason}")]
        public static partial void Failed(ILogger logger, TimeSpan interval, string reason);
    }
}
