using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Pipeline;
using AiModels.Controllers.Preparation.Sources;

namespace AiModels.Controllers.Preparation.Decisions;

/// <summary>The conditions that the facts amount to. Pure; the messages are for people.</summary>
internal static class ConditionDecision
{
    /// <summary>Our conditions, merged into those that are there: others' stay, and a transition time changes only with its status.</summary>
    public static IReadOnlyList<Condition> Decide(ModelFacts facts, string phase)
    {
        var conditions = new List<Condition>(facts.Status.Conditions ?? []);
        Set(conditions, facts, Ready(facts, phase));
        if (UploadSession(facts) is { } upload)
        {
            Set(conditions, facts, upload);
        }

        if (facts.Work is PreparationState.Succeeded { Result.CustomCode: { Count: > 0 } code } && !facts.IsSettled)
        {
            Set(conditions, facts, new Finding(
                ConditionTypes.CustomCode, ConditionStatus.True, Reasons.CustomCodeFound, $"The model brings code that a loader would run: {Listed(code)}. Read it before you trust it."));
        }

        if (Intact(facts, phase) is { } intact)
        {
            Set(conditions, facts, intact);
        }

        return conditions;
    }

    /// <summary>Said when something is lost, and taken back when it is there again. A model that never lost anything has no such condition.</summary>
    private static Finding? Intact(ModelFacts facts, string phase)
    {
        if (phase != Phases.Ready || facts.Lost is not { } lost)
        {
            return null;
        }

        if (lost.Count == 0)
        {
            bool wasLost = facts.Status.Conditions?.Any(condition => condition.Type == ConditionTypes.Intact) == true;
            return wasLost ? new Finding(ConditionTypes.Intact, ConditionStatus.True, Reasons.ContentRestored, "Everything that is stored of the model is what its digests say.") : null;
        }

        string repair = facts.Repair switch
        {
            { IsRunning: false, Problem: { } problem, IsRetried: false } => problem,
            { Problem: { } problem } => $"{problem} It is tried again.",
            _ => $"They are fetched again from {SourceNames.Describe(facts.Model.Source)}.",
        };
        return new Finding(
            ConditionTypes.Intact, ConditionStatus.False, Reasons.ContentLost,
            $"{lost.Count} stored parts of the model ({lost.Sum(content => content.Bytes)} bytes) were no longer what their digests say and are not served any more; what needs them waits. {repair}");
    }

    private static Finding Ready(ModelFacts facts, string phase)
    {
        Condition? current = facts.Status.Conditions?.FirstOrDefault(condition => condition.Type == ConditionTypes.Ready);
        return phase switch
        {
            Phases.Deleting => Not(Reasons.Deleting, facts.CleanupProblem is { } problem
                ? $"The content cannot be queued for cleanup yet: {problem.TrimEnd('.')}. It is tried again."
                : "The model is being deleted; its content is queued for cleanup."),

            // What made it Ready or Failed was said then and stays true.
            Phases.Ready or Phases.Failed when facts.IsSettled && current is not null => new Finding(current.Type, current.Status, current.Reason, current.Message),
            Phases.Ready => new Finding(ConditionTypes.Ready, ConditionStatus.True, Reasons.PublicationCommitted, "The model is verified and stored, and can be mounted."),
            Phases.Failed => facts.Work is PreparationState.Failed failed ? Not(failed.Reason, failed.Message) : Not(Reasons.PublicationFailed, "Preparation failed."),
            Phases.WaitForUpload => Waiting(facts),
            Phases.Publishing => Publishing(facts),
            _ => Not(Reasons.PublicationStarted, "The model waits for a free worker."),
        };
    }

    private static Finding Waiting(ModelFacts facts) => facts.UploadProblem is { } problem ? Not(Reasons.UploadAccessConflict, problem) : facts.Upload?.State switch
    {
        UploadStates.Expired => Not(Reasons.UploadExpired, "The upload session has expired. Create a new one on the subresource upload; the Secret then holds a new token."),
        UploadStates.Aborted => Not(Reasons.UploadExpired, "The upload was aborted. Create a new session on the subresource upload; the Secret then holds a new token."),
        UploadStates.Receiving => Not(Reasons.UploadPending, "The upload is under way."),
        _ => Not(Reasons.UploadPending, "Upload the file: status.upload names the Secret with url and token; curl -T FILE -H \"Authorization: Bearer TOKEN\" URL."),
    };

    private static Finding Publishing(ModelFacts facts) => facts.Work switch
    {
        PreparationState.Running running => Not(running.Reason, running.Message),
        PreparationState.Retrying retrying => Not(Reasons.PublicationStarted, $"{retrying.Message} It is tried again."),
        PreparationState.Queued { Message: { } message } => Not(Reasons.PublicationStarted, message),
        _ when facts.Status.Phase == Phases.Publishing => Not(Reasons.PublicationResumed, "Preparation goes on after an interruption."),
        _ => Not(Reasons.PublicationStarted, "Preparation begins as soon as a worker is free."),
    };

    private static Finding? UploadSession(ModelFacts facts) => facts.Model.IsBeingDeleted || !facts.IsUpload ? null : facts.Upload?.State switch
    {
        UploadStates.Waiting or UploadStates.Receiving =>
            new Finding(ConditionTypes.UploadSession, ConditionStatus.True, Reasons.UploadPending, "An upload session is open."),
        UploadStates.Received or UploadStates.Completed =>
            new Finding(ConditionTypes.UploadSession, ConditionStatus.False, Reasons.UploadReceived, "All bytes have arrived."),
        UploadStates.Expired or UploadStates.Aborted =>
            new Finding(ConditionTypes.UploadSession, ConditionStatus.False, Reasons.UploadExpired, "No upload session is open. Create one on the subresource upload."),
        _ => null,
    };

    private static Finding Not(string reason, string message) => new(ConditionTypes.Ready, ConditionStatus.False, reason, message);

    private static string Listed(IReadOnlyList<string> paths) =>
        string.Join(", ", paths.Take(20)) + (paths.Count > 20 ? $" and {paths.Count - 20} more" : "");

    private static void Set(List<Condition> conditions, ModelFacts facts, Finding finding)
    {
        int index = conditions.FindIndex(condition => condition.Type == finding.Type);
        Condition? old = index < 0 ? null : conditions[index];

        // metav1 allows 32768 characters; a message that long helps nobody.
        string message = finding.Message.Length <= 4096 ? finding.Message : string.Concat(finding.Message.AsSpan(0, 4095), "…");
        var condition = new Condition
        {
            Type = finding.Type,
            Status = finding.Status,
            Reason = finding.Reason,
            Message = message,
            LastTransitionTime = old?.Status == finding.Status ? old.LastTransitionTime : facts.Now,
            ObservedGeneration = facts.Model.Metadata.Generation,
        };
        if (index < 0)
        {
            conditions.Add(condition);
        }
        else
        {
            conditions[index] = condition;
        }
    }

    private sealed record Finding(string Type, string Status, string Reason, string Message);
}
