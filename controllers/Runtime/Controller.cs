using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Runtime;

/// <summary>
/// Runs a reconciler: a queue, some workers, and the rule what follows a result. Nothing is taken from the queue before the informers have their first
/// list (a half-filled cache looks like deleted objects) and before this replica leads.
/// </summary>
internal sealed partial class Controller<TKey>(
    string name, int workers, IReconciler<TKey> reconciler, WorkQueue<TKey> queue, Informers informers, ILeadership leadership, RuntimeMetrics metrics,
    ILogger logger)
    : BackgroundService
    where TKey : notnull
{
    /// <summary>The queue, for those who see changes.</summary>
    public WorkQueue<TKey> Queue { get; } = queue;

    public override void Dispose()
    {
        Queue.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        metrics.Observe(name, () => Queue.Count);
        while (!stoppingToken.IsCancellationRequested)
        {
            CancellationToken lost = await leadership.AcquireAsync(stoppingToken);
            await informers.WhenSyncedAsync(stoppingToken);
            Log.Started(logger, name, workers);

            using var leading = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, lost);
            metrics.Active(name, true);
            await Task.WhenAll(Enumerable.Range(0, workers).Select(_ => WorkAsync(leading.Token)));
            metrics.Active(name, false);
        }
    }

    private async Task WorkAsync(CancellationToken cancellationToken)
    {
        // Leave the caller's stack: the first reconciliation must not run inside the host's start.
        await Task.Yield();
        try
        {
            while (true)
            {
                TKey key = await Queue.TakeAsync(cancellationToken);
                try
                {
                    await ReconcileAsync(key, cancellationToken);
                }
                finally
                {
                    Queue.Done(key);
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The host stops or another replica leads now: an end, not a failure.
        }
    }

    private async Task ReconcileAsync(TKey key, CancellationToken cancellationToken)
    {
        ReconcileResult result;
        string outcome = "failed";
        try
        {
            result = await reconciler.ReconcileAsync(key, cancellationToken);
            outcome = result.IsRetry ? "again" : "done";
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The key is not lost: whoever leads next lists everything.
            throw;
        }
        catch (KubernetesApiException e)
        {
            Log.Refused(logger, name, key, e.Message);
            result = ReconcileResult.Retry;
        }
        catch (Exception e)
        {
            Log.Failed(logger, name, key, e);
            result = ReconcileResult.Retry;
        }

        metrics.Reconciled(name, outcome);
        if (result.IsRetry)
        {
            Queue.AddRateLimited(key);
            return;
        }

        Queue.Forget(key);
        if (result.RequeueAfter is { } delay)
        {
            Queue.AddAfter(key, delay);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(10, LogLevel.Information, "Controller {Controller} started with {Workers} workers")]
        public static partial void Started(ILogger logger, string controller, int workers);

        [LoggerMessage(11, LogLevel.Warning, "Controller {Controller}: reconciling {Key} failed; trying again")]
        public static partial void Failed(ILogger logger, string controller, object key, Exception exception);

        // The API's words say it all; where we were when it said them helps nobody.
        [LoggerMessage(12, LogLevel.Warning, "Controller {Controller}: reconciling {Key} failed; trying again: {Reason}")]
        public static partial void Refused(ILogger logger, string controller, object key, string reason);
    }
}
