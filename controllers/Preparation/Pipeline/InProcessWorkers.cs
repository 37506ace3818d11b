using AiModels.Controllers.Runtime;
using AiModels.ModelPack.Client;

namespace AiModels.Controllers.Preparation.Pipeline;

/// <summary>
/// Prepares models in this process, a few at once. A preparation that failed for a reason that passes is tried again with growing delays, without leaving its
/// state; one that failed for good, or is done, is remembered until it is stopped.
/// </summary>
internal sealed partial class InProcessWorkers(
    PreparationPipeline pipeline, RegistryClient registry, ModelGrants grants, ProgressReporter reporter, ILeadership leadership, ControllersOptions options,
    TimeProvider time, Random random, ILogger<InProcessWorkers> logger)
    : PreparationWorkers<InProcessWork>(grants, leadership, options, time, random)
{
    protected override InProcessWork Create(ModelObject model, CancellationTokenSource cancel) => new(model, new TransferProgress(Time), cancel);

    protected override async Task RunAsync(InProcessWork work)
    {
        try
        {
            Tell(work);
            await reporter.ReportWhileAsync(work.Model, work.Progress, () => Tell(work), AttemptAsync, work.Cancel.Token);
        }
        catch (OperationCanceledException) when (work.Cancel.IsCancellationRequested)
        {
            // Stopped by the reconciler or by the end of the process.
        }
        catch (Exception e)
        {
            Log.Broken(logger, work.Model.Key, e);
            lock (Gate)
            {
                work.Outcome = FailureTranslator.Translate(e);
            }
        }
        finally
        {
            Done(work);
            Tell(work);
        }

        async Task AttemptAsync(CancellationToken cancellationToken)
        {
            await using var context = new PreparationContext(work.Model, registry, work.Progress) { MayGoOn = bytes => MayGoOnWith(work, bytes) };
            StageOutcome outcome = await pipeline.RunAsync(context, cancellationToken);
            lock (Gate)
            {
                (work.Result, work.Outcome) = (context.Result, outcome);
            }
        }
    }

    protected override void AfterAttempt(InProcessWork work)
    {
        switch (work.Outcome)
        {
            case StageOutcome.Postponement:
                Requeue(work, isLong: true);
                break;

            case StageOutcome.Failure { IsRetryable: true }:
                work.ScheduleRetry(Time, Backoff.Next(work.Model.Uid), () => Requeue(work, work.IsLong));
                break;
        }
    }

    private bool MayGoOnWith(InProcessWork work, long bytes)
    {
        lock (Gate)
        {
            work.IsLong = bytes >= PreparationQueue.LongBytes;
            return MayGoOn(work, bytes);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(40, LogLevel.Error, "Preparing {Model} broke")]
        public static partial void Broken(ILogger logger, ModelKey model, Exception exception);
    }
}
