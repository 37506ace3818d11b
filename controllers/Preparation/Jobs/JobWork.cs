using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Pipeline;

namespace AiModels.Controllers.Preparation.Jobs;

/// <summary>One model while its Job is looked after.</summary>
internal sealed class JobWork(ModelObject model, CancellationTokenSource cancel) : PreparationWork(model, cancel)
{
    private PreparationState _state = new PreparationState.Queued();

    public double Fraction { get; set; }
    public long ExpectedBytes { get; set; }
    public ResolvedSource? Source { get; set; } = model.Status.Source;

    public PreparationState State
    {
        get => Volatile.Read(ref _state);
        set => Volatile.Write(ref _state, value);
    }

    public override PreparationState Describe() => State;
}
