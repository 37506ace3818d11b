using AiModels.Contracts.V1Alpha1;
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
    : IPreparationWorkers, IHostedService, IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Preparation> _preparations = [];
    private readonly PreparationQueue _queue = new(options.PreparationWorkers);

    // A minute at most: what passes (a registry that restarts, a network that flaps) has usually passed by then.
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
            return _preparations.TryGetValue(uid, out Preparation? preparation) ? preparation.Describe() : new PreparationState.Idle();
        }
    }

    public void Start(ModelObject model)
    {
        lock (_lock)
        {
            if (_preparations.ContainsKey(model.Uid) || _stop.IsCancellationRequested)
            {
                return;
            }

            grants.Register(model);
            _preparations[model.Uid] = new Preparation(model, new TransferProgress(time), CancellationTokenSource.CreateLinkedTokenSource(_stop.Token));
            _queue.Add(model.Uid, Owner(model));
            FillWorkers();
        }
    }

    public async Task StopAsync(string uid)
    {
        Preparation? preparation;
        lock (_lock)
        {
            if (!_preparations.Remove(uid, out preparation))
            {
                return;
            }

            _queue.Remove(uid);
            _backoff.Forget(uid);
        }

        await preparation.Cancel.CancelAsync();
        await preparation.Work.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        preparation.Cancel.Dispose();
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _leading = StopWhenNotLeadingAsync();
        return Task.CompletedTask;
    }

    /// <summary>The process ends. What is committed stays committed, and the next process goes on from there.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stop.CancelAsync();
        Task[] works;
        lock (_lock)
        {
            works = [.. _preparations.Values.Select(preparation => preparation.Work)];
        }

        await Task.WhenAll([.. works, _leading]).WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public void Dispose() => _stop.Dispose();

    /// <summary>Another replica that leads starts the same work: two at once would only do it twice.</summary>
    private async Task StopWhenNotLeadingAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            CancellationToken lost = await leadership.AcquireAsync(_stop.Token);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(lost, _stop.Token);
            await Task.Delay(Timeout.InfiniteTimeSpan, time, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            string[] uids;
            lock (_lock)
            {
                uids = [.. _preparations.Keys];
            }

            await Task.WhenAll(uids.Select(StopAsync));
        }
    }

    private static string Owner(ModelObject model) => model.Key.Name.Namespace ?? "";

    /// <summary>Called under the lock.</summary>
    private void FillWorkers()
    {
        while (_queue.Take() is { } uid)
        {
            Preparation preparation = _preparations[uid];
            preparation.IsAtWork = true;

            // A new attempt: what the last one failed with is no longer the state.
            preparation.Outcome = null;
            preparation.Work = Task.Run(() => RunAsync(preparation), CancellationToken.None);
        }
    }

    private async Task RunAsync(Preparation preparation)
    {
        try
        {
            Changed?.Invoke(preparation.Model.Key);
            await reporter.ReportWhileAsync(preparation.Model, preparation.Progress, () => Changed?.Invoke(preparation.Model.Key), AttemptAsync, preparation.Cancel.Token);
        }
        catch (OperationCanceledException) when (preparation.Cancel.IsCancellationRequested)
        {
            // Stopped by the reconciler or by the end of the process.
        }
        catch (Exception e)
        {
            Log.Broken(logger, preparation.Model.Key, e);
            lock (_lock)
            {
                preparation.Outcome = FailureTranslator.Translate(e);
            }
        }
        finally
        {
            Finish(preparation);
        }

        async Task AttemptAsync(CancellationToken cancellationToken)
        {
            await using var context = new PreparationContext(preparation.Model, registry, preparation.Progress) { MayGoOn = bytes => MayGoOn(preparation, bytes) };
            StageOutcome outcome = await pipeline.RunAsync(context, cancellationToken);
            lock (_lock)
            {
                (preparation.Result, preparation.Outcome) = (context.Result, outcome);
            }
        }
    }

    private void Finish(Preparation preparation)
    {
        string uid = preparation.Model.Uid;
        lock (_lock)
        {
            _queue.Done(uid);
            preparation.IsAtWork = false;
            bool isStillWanted = _preparations.GetValueOrDefault(uid) == preparation && !_stop.IsCancellationRequested;
            if (isStillWanted && preparation.Outcome is StageOutcome.Postponement)
            {
                _queue.Add(uid, Owner(preparation.Model), isLong: true);
            }
            else if (isStillWanted && preparation.Outcome is StageOutcome.Failure { IsRetryable: true })
            {
                preparation.ScheduleRetry(time, _backoff.Next(uid), () => Retry(uid, preparation));
            }

            FillWorkers();
        }

        Changed?.Invoke(preparation.Model.Key);
    }

    private bool MayGoOn(Preparation preparation, long bytes)
    {
        lock (_lock)
        {
            preparation.IsLong = bytes >= PreparationQueue.LongBytes;
            return _queue.MayGoOn(preparation.Model.Uid, bytes);
        }
    }

    private void Retry(string uid, Preparation preparation)
    {
        lock (_lock)
        {
            if (_preparations.GetValueOrDefault(uid) == preparation && !_stop.IsCancellationRequested)
            {
                _queue.Add(uid, Owner(preparation.Model), preparation.IsLong);
                FillWorkers();
            }
        }
    }

    /// <summary>One model's preparation over all its attempts. Guarded by the workers' lock.</summary>
    private sealed class Preparation(ModelObject model, TransferProgress progress, CancellationTokenSource cancel)
    {
        private ITimer? _retry;

        public ModelObject Model => model;
        public TransferProgress Progress => progress;
        public CancellationTokenSource Cancel => cancel;
        public bool IsAtWork { get; set; }
        public bool IsLong { get; set; }
        public Task Work { get; set; } = Task.CompletedTask;
        public StageOutcome? Outcome { get; set; }
        public PreparationResult? Result { get; set; }

        public PreparationState Describe() => this switch
        {
            { Result: { } result } => new PreparationState.Succeeded(result),
            { Outcome: StageOutcome.Failure { IsRetryable: false } failure } => new PreparationState.Failed(failure.Reason, failure.Message),
            { Outcome: StageOutcome.Failure failure } => new PreparationState.Retrying(failure.Message, progress.Fraction, progress.Source),
            { Outcome: StageOutcome.Postponement postponed } => new PreparationState.Queued(postponed.Message, progress.Source),
            { IsAtWork: true } => new PreparationState.Running(progress.Reason, Words(progress), progress.Fraction, progress.Source),
            _ => new PreparationState.Queued(),
        };

        public void ScheduleRetry(TimeProvider time, TimeSpan delay, Action retry)
        {
            _retry?.Dispose();
            _retry = time.CreateTimer(_ => retry(), null, delay, Timeout.InfiniteTimeSpan);
        }

        private static string Words(TransferProgress progress) => progress.Reason switch
        {
            Reasons.PublicationUploading => "The files are being stored in the registry.",
            Reasons.PublicationResumed => "Goes on after an interruption from the last stored chunk.",
            Reasons.PublicationSealing => "All files are stored; the manifest is being written.",
            Reasons.PublicationCommitted => "The model is in the registry; room that it did not need is given back.",
            _ => "The source is being examined.",
        };
    }

    private static partial class Log
    {
        [LoggerMessage(40, LogLevel.Error, "Preparing {Model} broke")]
        public static partial void Broken(ILogger logger, ModelKey model, Exception exception);
    }
}
