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
    : IPreparationWorkers, IHostedService, IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    // For a Pod to end, before the one who waits for it has other work to do.
    private const int MostLooks = 3;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Work> _works = [];
    private readonly PreparationQueue _queue = new(options.PreparationWorkers);
    private readonly Backoff<string> _backoff = new(TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1), random);
    private readonly CancellationTokenSource _stop = new();
    private Task _leading = Task.CompletedTask;

    public event Action<ModelKey>? Changed;

    public (int Waiting, int Running) Load
    {
        get
        {
            lock (_lock)
            {
                return (_queue.Waiting, _queue.AtWork);
            }
        }
    }

    public PreparationState StateOf(string uid)
    {
        lock (_lock)
        {
            return _works.TryGetValue(uid, out Work? work) ? work.State : new PreparationState.Idle();
        }
    }

    public void Start(ModelObject model)
    {
        lock (_lock)
        {
            if (_works.ContainsKey(model.Uid) || _stop.IsCancellationRequested)
            {
                return;
            }

            grants.Register(model);
            _works[model.Uid] = new Work(model, CancellationTokenSource.CreateLinkedTokenSource(_stop.Token));
            _queue.Add(model.Uid, Owner(model));
            Fill();
        }
    }

    public async Task StopAsync(string uid)
    {
        await ForgetAsync(uid);

        // Also what an earlier process has begun. The caller tries again when the API is away, or when a Pod does not end: its node may be lost.
        for (int looks = 1; !await jobs.RemoveAsync(uid, _stop.Token); looks++)
        {
            if (looks == MostLooks)
            {
                throw new TimeoutException($"A Pod of the Job {Namespaces.Module}/{PreparationJob.NameFor(uid)} has not ended yet, and could still write.");
            }

            await Task.Delay(Interval, time, _stop.Token);
        }
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _leading = ForgetWhenNotLeadingAsync();
        return Task.CompletedTask;
    }

    /// <summary>The process ends; the Jobs go on.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stop.CancelAsync();
        Task[] tasks;
        lock (_lock)
        {
            tasks = [.. _works.Values.Select(work => work.Task)];
        }

        await Task.WhenAll([.. tasks, _leading]).WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public void Dispose() => _stop.Dispose();

    private static string Owner(ModelObject model) => model.Key.Name.Namespace ?? "";

    private async Task ForgetWhenNotLeadingAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            CancellationToken lost = await leadership.AcquireAsync(_stop.Token);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(lost, _stop.Token);
            await Task.Delay(Timeout.InfiniteTimeSpan, time, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            string[] uids;
            lock (_lock)
            {
                uids = [.. _works.Keys];
            }

            await Task.WhenAll(uids.Select(ForgetAsync));
        }
    }

    /// <summary>Ends looking after the Job, and leaves it alone.</summary>
    private async Task ForgetAsync(string uid)
    {
        Work? work;
        lock (_lock)
        {
            if (!_works.Remove(uid, out work))
            {
                return;
            }

            _queue.Remove(uid);
            _backoff.Forget(uid);
        }

        await work.Cancel.CancelAsync();
        await work.Task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        work.Cancel.Dispose();
    }

    /// <summary>Called under the lock.</summary>
    private void Fill()
    {
        while (_queue.Take() is { } uid)
        {
            Work work = _works[uid];
            work.Task = Task.Run(() => RunAsync(work), CancellationToken.None);
        }
    }

    private async Task RunAsync(Work work)
    {
        try
        {
            do
            {
                await StepAsync(work, work.Cancel.Token);
                Changed?.Invoke(work.Model.Key);
                TimeSpan pause = work.State is PreparationState.Retrying ? _backoff.Next(work.Model.Uid) : Interval;
                await Task.Delay(IsGoingOn(work.State) ? pause : TimeSpan.Zero, time, work.Cancel.Token);
            }
            while (IsGoingOn(work.State));
        }
        catch (OperationCanceledException) when (work.Cancel.IsCancellationRequested)
        {
            // Stopped by the reconciler or by the end of the process.
        }
        finally
        {
            lock (_lock)
            {
                _queue.Done(work.Model.Uid);
                if (work.State is PreparationState.Queued { Message: not null } && _works.GetValueOrDefault(work.Model.Uid) == work && !_stop.IsCancellationRequested)
                {
                    _queue.Add(work.Model.Uid, Owner(work.Model), isLong: true);
                }

                Fill();
            }
        }
    }

    private static bool IsGoingOn(PreparationState state) => state is PreparationState.Running or PreparationState.Retrying;

    /// <summary>Looks at the Job once and says what is to be seen.</summary>
    private async Task StepAsync(Work work, CancellationToken cancellationToken)
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

    private async Task<PreparationState> ObserveAsync(Work work, CancellationToken cancellationToken)
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
        if (MayGoOn(work))
        {
            return reported;
        }

        // It takes long, and others come first: the next Job goes on from what this one has stored.
        await jobs.RemoveAsync(work.Model.Uid, cancellationToken);
        return new PreparationState.Queued(TakeTurn.Waiting(work.ExpectedBytes), work.Source);
    }

    private bool MayGoOn(Work work)
    {
        lock (_lock)
        {
            return _queue.MayGoOn(work.Model.Uid, work.ExpectedBytes);
        }
    }

    private async Task<PreparationState> ReportedAsync(Work work, JsonObject job, CancellationToken cancellationToken)
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

    /// <summary>One model while its Job is looked after.</summary>
    private sealed class Work(ModelObject model, CancellationTokenSource cancel)
    {
        private PreparationState _state = new PreparationState.Queued();

        public ModelObject Model => model;
        public CancellationTokenSource Cancel => cancel;
        public Task Task { get; set; } = Task.CompletedTask;
        public double Fraction { get; set; }
        public long ExpectedBytes { get; set; }
        public ResolvedSource? Source { get; set; } = model.Status.Source;

        public PreparationState State
        {
            get => Volatile.Read(ref _state);
            set => Volatile.Write(ref _state, value);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(71, LogLevel.Error, "Looking after the preparation Job of {Model} broke")]
        public static partial void Broken(ILogger logger, ModelKey model, Exception exception);
    }
}
