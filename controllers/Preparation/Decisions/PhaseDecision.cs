using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Pipeline;

namespace AiModels.Controllers.Preparation.Decisions;

/// <summary>The phase that the facts amount to. Pure.</summary>
internal static class PhaseDecision
{
    public static string Decide(ModelFacts facts) => facts switch
    {
        { Model.IsBeingDeleted: true } => Phases.Deleting,

        // Settled stays settled: what the workers may still remember cannot change it.
        { IsSettled: true } => facts.Status.Phase!,
        { Work: PreparationState.Succeeded } => Phases.Ready,
        { Work: PreparationState.Failed } => Phases.Failed,
        { HasSource: false } => Phases.WaitForUpload,

        // An interruption is no way back (Q9): Publishing stays, even before this process has taken the work up again.
        { Work: PreparationState.Running or PreparationState.Retrying or PreparationState.Queued { Message: not null } } or { Status.Phase: Phases.Publishing } or { IsUpload: true } => Phases.Publishing,
        _ => Phases.Pending,
    };
}
