using AiModels.Hosting;

namespace AiModels.Controllers.Runtime;

/// <summary>Leadership by a Lease. One for the whole process: all controllers lead, or none.</summary>
internal sealed class ElectedLeadership(LeaderElection election) : BackgroundService, ILeadership
{
    private readonly Lock _lock = new();
    private TaskCompletionSource<CancellationToken> _leading = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<CancellationToken> AcquireAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            return _leading.Task.WaitAsync(cancellationToken);
        }
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => election.RunAsync(LeadAsync, stoppingToken);

    private async Task LeadAsync(CancellationToken leading)
    {
        TaskCompletionSource<CancellationToken> announced;
        lock (_lock)
        {
            announced = _leading;
        }

        announced.SetResult(leading);
        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, leading).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (_lock)
        {
            _leading = new TaskCompletionSource<CancellationToken>(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }
}
