using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Contracts.WellKnown;
using AiModels.Controllers.Delivery.SharedPvc;
using AiModels.Controllers.Preparation.Decisions;
using AiModels.Controllers.Preparation.Pipeline;
using AiModels.Controllers.Preparation.Stages;
using AiModels.Controllers.Runtime;
using AiModels.ModelPack.Client;

namespace AiModels.Controllers.Preparation.Jobs;

/// <summary>
/// Has models prepared by Jobs of the cluster, a few at once. A Job that is there already is taken over: these controllers may have been replaced, and the
/// Job's Pod too. What a Job ended with is read from the model's repository; a Job that ended without saying is begun again.
/// </summary>
internal sealed partial class JobWorkers(
    JobTasks jobs, RegistryClient registry, ModelGrants grants, ILeadership leadership, ControllersOptions options, TimeProvider time, Random random, ILogger<JobWorkers> logger)
    : PreparationWorkers<JobWork>(grants, leadership, options, time, random)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    // For a Pod to end, before the one who waits for it has other work to do.
    private const int MostLooks = 3;

    protected override JobWork Create(ModelObject model, CancellationTokenSource cancel) => new(model, cancel);

    public override async Task StopAsync(string uid)
    {
        await ForgetAsync(uid);

        // Also what an earlier process has begun. The caller tries again when the API is away, or when a Pod does not end: its node may be lost.
        for (int looks = 1; !await jobs.RemoveAsync(uid, Stopping); looks++)
        {
            if (looks == MostLooks)
            {
                throw new TimeoutException($"A Pod of the Job {Namespaces.Module}/{PreparationJob.NameFor(uid)} has not ended yet, and could still write.");
            }

            await Task.Delay(Interval, Time, Stopping);
        }
    }

    protected override async Task RunAsync(JobWork work)
    {
        try
        {
            do
            {
                await StepAsync(work, work.Cancel.Token);
                Tell(work);
                TimeSpan pause = work.State is PreparationState.Retrying ? Backoff.Next(work.Model.Uid) : Interval;
                await Task.Delay(IsGoingOn(work.State) ? pause : TimeSpan.Zero, Time, work.Cancel.Token);
            }
            while (IsGoingOn(work.State));
        }
        catch (OperationCanceledException) when (work.Cancel.IsCancellationRequested)
        {
            // Stopped by the reconciler or by the end of the process.
        }
        finally
        {
            Done(work);
        }
    }

    protected override void AfterAttempt(JobWork work)
    {
        if (work.State is PreparationState.Queued { Message: not null })
        {
            Requeue(work, isLong: true);
        }
    }

    private static bool IsGoingOn(PreparationState state) => state is PreparationState.Running or PreparationState.Retrying;

    /// <summary>Looks at the Job once and says what is to be seen.</summary>
    private async Task StepAsync(JobWork work, CancellationToken cancellationToken)
    {
        try
        {
            work.State = await ObserveAsync(work, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw;
        }
        catch (Exception e)
        {
            // Nothing that happens to the one who watches is a failure of the model.
            if (FailureTranslator.IsUnexpected(e))
            {
                Log.Broken(logger, work.Model.Key, e);
            }

            work.State = new PreparationState.Retrying(e.Message, work.Fraction, work.Source);
        }
    }

    private async Task<PreparationState> ObserveAsync(JobWork work, CancellationToken cancellationToken)
    {
        (JsonObject? job, string? problem) = await jobs.EnsureAsync(work.Model, cancellationToken);
        if (job is null)
        {
            return new PreparationState.Retrying(problem!, work.Fraction, work.Source);
        }

        JobState state = JobState.Of(job);
        bool isEnded = state.IsComplete || state.IsFailed;
        if (isEnded || work.Source is null)
        {
            PreparationOutcome? outcome = await PreparationOutcome.ReadAsync(registry, work.Model.Repository, cancellationToken);
            work.Source = outcome?.Source ?? work.Source;
            if (outcome is not null && outcome.Attempt == (string?)job["metadata"]?["annotations"]?[PreparationJob.Attempt])
            {
                if (outcome.Result is { } result)
                {
                    return new PreparationState.Succeeded(result);
                }

                if (outcome.Failure is { IsRetryable: false } failure)
                {
                    return new PreparationState.Failed(failure.Reason, failure.Message);
                }
            }

            if (isEnded)
            {
                // It ended and did not say with what, or with something that passes: the next Job goes on from the last committed chunk.
                await jobs.RemoveAsync(work.Model.Uid, cancellationToken);
                return new PreparationState.Retrying(outcome?.Failure?.Message ?? $"The Job {job["metadata"]!["name"]} ended without a result. {state.Message}", work.Fraction, work.Source);
            }
        }

        PreparationState reported = await ReportedAsync(work, job, cancellationToken);
        if (MayGoOn(work, work.ExpectedBytes))
        {
            return reported;
        }

        // It takes long, and others come first: the next Job goes on from what this one has stored.
        await jobs.RemoveAsync(work.Model.Uid, cancellationToken);
        return new PreparationState.Queued(TakeTurn.Waiting(work.ExpectedBytes), work.Source);
    }

    private async Task<PreparationState> ReportedAsync(JobWork work, JsonObject job, CancellationToken cancellationToken)
    {
        // What the Job has noted, and not what it has received: that much is not lost with its Pod.
        ModelProgress? report = await jobs.ProgressAsync(work.Model, cancellationToken);
        work.ExpectedBytes = report?.BytesExpected ?? work.ExpectedBytes;
        work.Fraction = Math.Max(work.Fraction, ProgressDecision.Fraction(work.Model.Source.Upload is not null, report?.Progress));

        string name = (string)job["metadata"]!["name"]!;
        int failed = (int?)job["status"]?["failed"] ?? 0;
        bool isReplaced = failed > 0;
        return report?.Stage switch
        {
            "Pack" when isReplaced => new PreparationState.Running(
                Reasons.PublicationResumed, $"The Pod of the Job {name} was replaced; it goes on from the last stored chunk.", work.Fraction, work.Source),
            "Pack" => new PreparationState.Running(Reasons.PublicationUploading, $"The Job {name} stores the files in the registry.", work.Fraction, work.Source),
            "Commit" or "Release" => new PreparationState.Running(Reasons.PublicationSealing, "All files are stored; the manifest is being written.", work.Fraction, work.Source),
            _ when isReplaced => new PreparationState.Running(
                Reasons.PublicationStarted, $"The Job {name} examines the source; {failed} of its Pods ended before they could (kubectl logs -n {Namespaces.Module} job/{name}).", work.Fraction, work.Source),
            _ => new PreparationState.Running(Reasons.PublicationStarted, $"The Job {name} examines the source.", work.Fraction, work.Source),
        };
    }

    private static partial class Log
    {
        [LoggerMessage(71, LogLevel.Error, "Looking after the preparation Job of {Model} broke")]
        public static partial void Broken(ILogger logger, ModelKey model, Exception exception);
    }
}
