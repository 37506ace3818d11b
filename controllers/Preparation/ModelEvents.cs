using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Pipeline;
using AiModels.Controllers.Runtime;

namespace AiModels.Controllers.Preparation;

/// <summary>The Events of a model's life: one for each change of its state, and one for what was left out of it.</summary>
internal sealed class ModelEvents(IEventRecorder recorder)
{
    private const int ListedFiles = 12;

    /// <summary>Compares the status that was with the one that has just been written.</summary>
    public async Task RecordAsync(ModelFacts facts, ModelStatus written, CancellationToken cancellationToken)
    {
        await RecordIntactAsync(facts, written, cancellationToken);
        if (facts.Status.Phase == written.Phase && facts.CleanupProblem is null && facts.UploadProblem is null)
        {
            return;
        }

        Condition ready = written.Conditions!.First(condition => condition.Type == ConditionTypes.Ready);
        bool isTrouble = written.Phase == Phases.Failed || facts.CleanupProblem is not null || facts.UploadProblem is not null;
        await recorder.RecordAsync(facts.Model.EventTarget, isTrouble ? EventType.Warning : EventType.Normal, ready.Reason, ready.Message, cancellationToken);
        if (facts.Work is PreparationState.Succeeded { Result: { LeftOut.Count: > 0 } result })
        {
            await recorder.RecordAsync(facts.Model.EventTarget, EventType.Normal, Reasons.FilesLeftOut, LeftOut(result.LeftOut), cancellationToken);
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
