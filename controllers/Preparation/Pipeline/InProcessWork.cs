using AiModels.Contracts.V1Alpha1;

namespace AiModels.Controllers.Preparation.Pipeline;

/// <summary>One model that is prepared in this process. Guarded by the workers' lock.</summary>
internal sealed class InProcessWork(ModelObject model, TransferProgress progress, CancellationTokenSource cancel) : PreparationWork(model, cancel)
{
    private ITimer? _retry;
    private bool _isAtWork;

    public TransferProgress Progress => progress;
    public bool IsLong { get; set; }
    public StageOutcome? Outcome { get; set; }
    public PreparationResult? Result { get; set; }

    public override PreparationState Describe() => this switch
    {
        { Result: { } result } => new PreparationState.Succeeded(result),
        { Outcome: StageOutcome.Failure { IsRetryable: false } failure } => new PreparationState.Failed(failure.Reason, failure.Message),
        { Outcome: StageOutcome.Failure failure } => new PreparationState.Retrying(failure.Message, progress.Fraction, progress.Source),
        { Outcome: StageOutcome.Postponement postponed } => new PreparationState.Queued(postponed.Message, progress.Source),
        { _isAtWork: true } => new PreparationState.Running(progress.Reason, Words(progress), progress.Fraction, progress.Source),
        _ => new PreparationState.Queued(),
    };

    public override void Begin()
    {
        _isAtWork = true;

        // A new attempt: what the last one failed with is no longer the state.
        Outcome = null;
    }

    public override void End() => _isAtWork = false;

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
