using System.Collections.Concurrent;
using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Pipeline;
using AiModels.Controllers.Runtime;

namespace AiModels.Controllers.Preparation;

/// <summary>
/// The Events of a model's life: one for each change of its state or of the reason it is in it, one for each kind of failure that passes, and at its end one for
/// what was left out of it and one for what the source had to say. Their number is bounded whatever happens.
/// </summary>
internal sealed class ModelEvents(IEventRecorder recorder)
{
    private const int ListedFiles = 12;

    // Different words for failures that pass: enough to see what is going on. The condition always tells the latest.
    private const int MostRetries = 10;

    // By UID: failures that were told. Lost with the process, which costs some repetitions.
    private readonly ConcurrentDictionary<string, HashSet<string>> _retries = [];

    /// <summary>Compares the status that was with the one that has just been written.</summary>
    public async Task RecordAsync(ModelFacts facts, ModelStatus written, CancellationToken cancellationToken)
    {
        await RecordIntactAsync(facts, written, cancellationToken);
        if (facts.Work is PreparationState.Retrying retrying && !facts.IsSettled && !facts.Model.IsBeingDeleted)
        {
            await RecordRetryAsync(facts.Model, retrying.Message, cancellationToken);
            return;
        }

        Condition ready = written.Conditions!.First(condition => condition.Type == ConditionTypes.Ready);
        string? reasonBefore = facts.Status.Conditions?.FirstOrDefault(condition => condition.Type == ConditionTypes.Ready)?.Reason;
        if (facts.Status.Phase == written.Phase && reasonBefore == ready.Reason && facts.CleanupProblem is null && facts.UploadProblem is null)
        {
            return;
        }

        bool isTrouble = written.Phase == Phases.Failed || facts.CleanupProblem is not null || facts.UploadProblem is not null;
        await recorder.RecordAsync(facts.Model.EventTarget, isTrouble ? EventType.Warning : EventType.Normal, ready.Reason, ready.Message, cancellationToken);
        if (facts.Work is PreparationState.Succeeded { Result: { } result } && !facts.IsSettled)
        {
            await RecordResultAsync(facts.Model, result, cancellationToken);
        }
    }

    /// <summary>The model is gone or has settled.</summary>
    public void Forget(string uid) => _retries.TryRemove(uid, out _);

    private async Task RecordRetryAsync(ModelObject model, string message, CancellationToken cancellationToken)
    {
        // One key is reconciled by one worker at a time, so the set needs no lock.
        HashSet<string> told = _retries.GetOrAdd(model.Uid, _ => []);
        if (told.Contains(message) || told.Count < MostRetries)
        {
            told.Add(message);
            await recorder.RecordAsync(model.EventTarget, EventType.Warning, Reasons.PublicationRetrying, $"{message} It is tried again.", cancellationToken);
        }
    }

    private async Task RecordResultAsync(ModelObject model, PreparationResult result, CancellationToken cancellationToken)
    {
        if (result.LeftOut.Count > 0)
        {
            await recorder.RecordAsync(model.EventTarget, EventType.Normal, Reasons.FilesLeftOut, LeftOut(result.LeftOut), cancellationToken);
        }

        foreach (string notice in result.Notices)
        {
            await recorder.RecordAsync(model.EventTarget, EventType.Warning, Reasons.SourceNotice, notice, cancellationToken);
        }
    }

    private async Task RecordIntactAsync(ModelFacts facts, ModelStatus written, CancellationToken cancellationToken)
    {
        Condition? before = facts.Status.Conditions?.FirstOrDefault(condition => condition.Type == ConditionTypes.Intact);
        Condition? now = written.Conditions!.FirstOrDefault(condition => condition.Type == ConditionTypes.Intact);
        if (now is not null && now.Status != before?.Status)
        {
            await recorder.RecordAsync(facts.Model.EventTarget, now.Status == ConditionStatus.False ? EventType.Warning : EventType.Normal, now.Reason, now.Message, cancellationToken);
        }
    }

    /// <summary>Grouped by reason: a hundred files of one kind are one remark.</summary>
    private static string LeftOut(IReadOnlyDictionary<string, string> files) => "Left out: " + string.Join("; ", files
        .GroupBy(file => file.Value)
        .OrderBy(group => group.Key, StringComparer.Ordinal)
        .Select(group => $"{Names([.. group.Select(file => file.Key).Order(StringComparer.Ordinal)])} ({group.Key})")) + ".";

    private static string Names(string[] paths) =>
        string.Join(", ", paths.Take(ListedFiles)) + (paths.Length > ListedFiles ? $" and {paths.Length - ListedFiles} more" : "");
}
