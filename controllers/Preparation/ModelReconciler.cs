using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Contracts.WellKnown;
using AiModels.Controllers.Cleanup;
using AiModels.Controllers.Integrity;
using AiModels.Controllers.Preparation.Decisions;
using AiModels.Controllers.Preparation.Pipeline;
using AiModels.Controllers.Runtime;
using AiModels.Controllers.Uploads;
using AiModels.Hosting.Kubernetes;
using AiModels.ModelPack.Client;

namespace AiModels.Controllers.Preparation;

/// <summary>Leads a Model or ClusterModel through its life: gathers what is known of it, decides, and does one thing at a time.</summary>
internal sealed partial class ModelReconciler(
    IKubernetesClient client, UploadSessions sessions, UploadAccess access, IPreparationWorkers workers, ModelCleanup cleanup, ModelStatusWriter writer,
    ModelEvents events, ContentWatch content, ContentRepair repair, ProgressReporter progress, ControllersMetrics metrics, TimeProvider time, ILogger<ModelReconciler> logger)
    : IReconciler<ModelKey>
{
    // How often an upload under way is looked at: its bytes do not pass through here.
    private static readonly TimeSpan UploadInterval = TimeSpan.FromSeconds(2);

    // How often an open session is looked at, so that its expiry shows soon after it happens.
    private static readonly TimeSpan SessionInterval = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<string, bool> _tidied = [];

    // By UID: when this process began the preparation.
    private readonly ConcurrentDictionary<string, long> _begun = [];

    public async Task<ReconcileResult> ReconcileAsync(ModelKey key, CancellationToken cancellationToken)
    {
        if (await client.GetAsync(key.Type, key.Name.Namespace, key.Name.Name, cancellationToken) is not { } document)
        {
            return ReconcileResult.Done;
        }

        ModelFacts facts = await GatherAsync(ModelObject.Of(key.Type, document), cancellationToken);
        try
        {
            facts = await ActAsync(NextStepDecision.Decide(facts), facts, cancellationToken);
            return await WriteAsync(facts, cancellationToken);
        }
        catch (KubernetesApiException e) when (e.IsConflict || e.StatusCode == 404)
        {
            // Somebody was faster, or the model is gone: look again.
            return ReconcileResult.Retry;
        }
    }

    private async Task<ModelFacts> GatherAsync(ModelObject model, CancellationToken cancellationToken)
    {
        if (model is { IsBeingDeleted: false, Status.Phase: Phases.Ready })
        {
            content.Add(model, model.Status.Conditions?.Any(condition => condition is { Type: ConditionTypes.Intact, Status: ConditionStatus.False }) == true);
        }
        else
        {
            content.Forget(model.Uid);
        }

        IReadOnlyList<LostContent>? lost = content.LostOf(model.Uid);
        bool needsSession = model.Source.Upload is not null && !model.IsBeingDeleted && model.Status.Phase is not (Phases.Ready or Phases.Failed);
        return new ModelFacts
        {
            Model = model,
            Upload = needsSession ? await sessions.FindAsync(model, cancellationToken) : null,
            Work = workers.StateOf(model.Uid),
            Lost = lost,
            Repair = repair.StateOf(model.Uid),
            IsRepairDue = lost is { Count: > 0 } && repair.IsDue(model.Uid, lost),
            Now = time.GetUtcNow(),
        };
    }

    /// <summary>Does the step and returns the facts as they are afterwards.</summary>
    private async Task<ModelFacts> ActAsync(NextStep step, ModelFacts facts, CancellationToken cancellationToken)
    {
        ModelObject model = facts.Model;
        switch (step)
        {
            case NextStep.AddFinalizer:
                return await AddFinalizerAsync(facts, cancellationToken);

            case NextStep.OfferUpload:
                UploadSessionStatus session = await sessions.OpenAsync(model, cancellationToken);
                if (session.Token is not null)
                {
                    try
                    {
                        await access.EnsureAsync(model, session, cancellationToken);
                    }
                    catch (UploadAccessException e)
                    {
                        return facts with { Upload = session, UploadProblem = e.Message };
                    }
                }

                return facts with { Upload = session };

            case NextStep.StartPreparation:
                workers.Start(model);
                _begun.TryAdd(model.Uid, time.GetTimestamp());
                return facts with { Work = workers.StateOf(model.Uid) };

            case NextStep.TidyUp:
                await TidyUpAsync(model, cancellationToken);
                return facts;

            case NextStep.Repair:
                repair.Start(model, facts.Lost!);
                return facts with { Repair = repair.StateOf(model.Uid) };

            case NextStep.CleanUp:
                return facts with { CleanupProblem = await cleanup.RunAsync(model, cancellationToken) };

            default:
                return facts;
        }
    }

    private async Task<ModelFacts> AddFinalizerAsync(ModelFacts facts, CancellationToken cancellationToken)
    {
        var document = (JsonObject)facts.Model.Document.DeepClone();
        var metadata = (JsonObject)document["metadata"]!;
        if (metadata["finalizers"] is not JsonArray finalizers)
        {
            metadata["finalizers"] = finalizers = [];
        }

        finalizers.Add(Finalizers.Cleanup);
        JsonObject updated = await client.UpdateAsync(facts.Model.Key.Type, document, null, cancellationToken);
        return facts with { Model = ModelObject.Of(facts.Model.Key.Type, updated) };
    }

    /// <summary>
    /// The status has been written; nothing of the preparation is needed any more. A model that failed keeps no bytes. Done once in the life of this process,
    /// because an earlier one may have died before it.
    /// </summary>
    private async Task TidyUpAsync(ModelObject model, CancellationToken cancellationToken)
    {
        if (_tidied.ContainsKey(model.Uid))
        {
            return;
        }

        if (model.Source.Upload is not null)
        {
            await access.RemoveAsync(model, cancellationToken);
        }

        if (model.Status.Phase == Phases.Failed)
        {
            await workers.StopAsync(model.Uid);
            await cleanup.DropContentAsync(model, cancellationToken);
        }
        else
        {
            await cleanup.DropLeftoversAsync(model, cancellationToken);
        }

        await workers.StopAsync(model.Uid);
        _tidied.TryAdd(model.Uid, true);
        Log.Settled(logger, model.Key, model.Status.Phase);
    }

    private async Task<ReconcileResult> WriteAsync(ModelFacts facts, CancellationToken cancellationToken)
    {
        bool isGone = facts.Model.IsBeingDeleted && (facts.CleanupProblem is null || !facts.Model.HasFinalizer);
        if (isGone)
        {
            writer.Forget(facts.Model.Uid);
            _tidied.TryRemove(facts.Model.Uid, out _);
            _begun.TryRemove(facts.Model.Uid, out _);
            repair.Forget(facts.Model.Uid);
            events.Forget(facts.Model.Uid);
            return ReconcileResult.Done;
        }

        ModelStatus status = StatusDecision.Decide(facts);
        TimeSpan? rest = await writer.WriteAsync(facts.Model, status, cancellationToken);
        if (rest is null)
        {
            await events.RecordAsync(facts, status, cancellationToken);
            if (!facts.IsSettled && status.Phase is Phases.Ready or Phases.Failed)
            {
                Measure(facts, status);
                events.Forget(facts.Model.Uid);
                await progress.ReportEndAsync(facts.Model, status, cancellationToken);
            }
        }

        return Next(facts, status, rest);
    }

    private void Measure(ModelFacts facts, ModelStatus status)
    {
        string outcome = status.Phase == Phases.Ready ? Phases.Ready : status.Conditions!.First(condition => condition.Type == ConditionTypes.Ready).Reason;
        TimeSpan? duration = _begun.TryRemove(facts.Model.Uid, out long begun) ? time.GetElapsedTime(begun) : null;
        metrics.Settled(ControllersMetrics.SourceOf(facts.Model.Source), outcome, (facts.Work as PreparationState.Succeeded)?.Result, duration);
    }

    private static ReconcileResult Next(ModelFacts facts, ModelStatus status, TimeSpan? rest) => status.Phase switch
    {
        Phases.Deleting => ReconcileResult.Retry,
        _ when rest is { } delay => ReconcileResult.After(delay),
        Phases.WaitForUpload when facts.Upload?.State == UploadStates.Receiving => ReconcileResult.After(UploadInterval),
        Phases.WaitForUpload => ReconcileResult.After(SessionInterval),
        _ => ReconcileResult.Done,
    };

    private static partial class Log
    {
        [LoggerMessage(60, LogLevel.Information, "{Model} is {Phase}")]
        public static partial void Settled(ILogger logger, ModelKey model, string? phase);
    }
}
