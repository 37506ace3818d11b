using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Pipeline;

namespace AiModels.Controllers.Preparation.Decisions;

/// <summary>The one thing to do next about a model. Each is idempotent.</summary>
internal enum NextStep
{
    /// <summary>Nothing but to keep the status true.</summary>
    None,

    /// <summary>Put the finalizer on, before the first byte moves.</summary>
    AddFinalizer,

    /// <summary>Open an upload session, or learn the token of the open one, and hand it to the user.</summary>
    OfferUpload,

    /// <summary>Hand the model to the workers.</summary>
    StartPreparation,

    /// <summary>The model is Ready or Failed: take away what only served its preparation.</summary>
    TidyUp,

    /// <summary>Stored content of a Ready model is lost: fetch it again.</summary>
    Repair,

    /// <summary>The model is being deleted: queue its content for cleanup and let it go.</summary>
    CleanUp,
}

/// <summary>Decides the next step. Pure.</summary>
internal static class NextStepDecision
{
    public static NextStep Decide(ModelFacts facts) => facts switch
    {
        { Model: { IsBeingDeleted: true, HasFinalizer: true } } => NextStep.CleanUp,
        { Model.IsBeingDeleted: true } => NextStep.None,
        { Status.Phase: Phases.Ready, Lost.Count: > 0, IsRepairDue: true } => NextStep.Repair,
        { IsSettled: true } => NextStep.TidyUp,
        { Model.HasFinalizer: false } => NextStep.AddFinalizer,

        // Expired and aborted sessions are not opened again by us: create on /upload does, and then the token must be handed out (Q3).
        { HasSource: false, Upload.State: UploadStates.Expired or UploadStates.Aborted } => NextStep.None,
        { HasSource: false } => NextStep.OfferUpload,
        { Work: PreparationState.Idle } => NextStep.StartPreparation,
        _ => NextStep.None,
    };
}
