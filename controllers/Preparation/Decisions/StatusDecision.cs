using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Pipeline;
using AiModels.Controllers.Uploads;

namespace AiModels.Controllers.Preparation.Decisions;

/// <summary>The whole status that the facts amount to. Pure.</summary>
internal static class StatusDecision
{
    public static ModelStatus Decide(ModelFacts facts)
    {
        string phase = PhaseDecision.Decide(facts);
        PreparationResult? result = facts.IsSettled ? null : (facts.Work as PreparationState.Succeeded)?.Result;
        return facts.Status with
        {
            Phase = phase,
            Progress = phase is Phases.Failed or Phases.Deleting ? facts.Status.Progress : ProgressDecision.Decide(facts, phase),
            ObservedGeneration = facts.Model.Metadata.Generation,
            Conditions = ConditionDecision.Decide(facts, phase),
            Artifact = result?.Artifact ?? facts.Status.Artifact,
            Source = result?.Source ?? facts.Status.Source ?? Frozen(facts.Work),
            Resolved = result?.Resolved ?? facts.Status.Resolved,
            Upload = Upload(facts, phase),
        };
    }

    /// <summary>The revision is frozen as soon as it is known, so that a restart cannot take another.</summary>
    private static ResolvedSource? Frozen(PreparationState work) => work switch
    {
        PreparationState.Running running => running.Source,
        PreparationState.Retrying retrying => retrying.Source,
        PreparationState.Queued queued => queued.Source,
        _ => null,
    };

    /// <summary>Only while there is a session to find.</summary>
    private static UploadStatus? Upload(ModelFacts facts, string phase) =>
        phase == Phases.WaitForUpload && facts.UploadProblem is null && facts.Upload?.State is UploadStates.Waiting or UploadStates.Receiving or UploadStates.Expired
            ? new UploadStatus
            {
                SecretName = UploadAccess.SecretName(facts.Model),
                SecretNamespace = facts.Model.HomeNamespace,

                // The end moves with every byte; to the minute is enough to know, and spares a write for each.
                ExpiresAt = facts.Upload.ExpiresAt is { } end ? Rounded(end) : facts.Status.Upload?.ExpiresAt,
            }
            : null;

    private static DateTimeOffset Rounded(DateTimeOffset time) => time.AddTicks(-(time.Ticks % TimeSpan.TicksPerMinute));
}
