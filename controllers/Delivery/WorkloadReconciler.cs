using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Contracts.WellKnown;
using AiModels.Controllers.Runtime;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Delivery;

/// <summary>
/// Brings models to one workload: annotation, resolved models, delivery mode, template, gate (requirements D1 to D10). Gather, decide, act; all state is in the
/// workload and in what the mode made for it.
/// </summary>
internal sealed partial class WorkloadReconciler(
    IKubernetesClient client,
    IModelLookup models,
    IEnumerable<IDeliveryMode> modes,
    DeliveryOptions options,
    WorkloadWriter writer,
    GatedPods gatedPods,
    IEventRecorder events,
    ILogger<WorkloadReconciler> logger) : IReconciler<WorkloadKey>
{
    // Controllers of Kubernetes take a moment to make Pods; the one after that moment is the one that matters.
    private static readonly TimeSpan LookForGatedPods = TimeSpan.FromSeconds(2);

    private readonly Dictionary<string, IDeliveryMode> _modes = modes.ToDictionary(mode => mode.Name);

    public async Task<ReconcileResult> ReconcileAsync(WorkloadKey key, CancellationToken cancellationToken)
    {
        JsonObject? document = await client.GetAsync(key.Kind.Type, key.Name.Namespace, key.Name.Name, cancellationToken);
        if (document is null)
        {
            return ReconcileResult.Done; // what we made for it is owned by it
        }

        document["apiVersion"] ??= key.Kind.Type.ApiVersion;
        document["kind"] ??= key.Kind.Type.Kind;
        var workload = new Workload(key.Kind, document);
        ModelReferences references = ModelReferences.Of(document);
        if (workload.IsDeleting || (references.IsEmpty && !WorkloadSummary.Touched(key.Kind, document)))
        {
            return ReconcileResult.Done;
        }

        if (references.IsEmpty)
        {
            return await RemoveAsync(workload, cancellationToken);
        }

        return await DecideAsync(workload, references, cancellationToken) switch
        {
            DeliveryOutcome.Prepared prepared => await DeliverAsync(workload, prepared.Plan, prepared.Note, cancellationToken),
            DeliveryOutcome.Held held => await HoldAsync(workload, references, held, cancellationToken),
            var other => throw new InvalidOperationException($"unknown outcome {other}"),
        };
    }

    private async Task<DeliveryOutcome> DecideAsync(Workload workload, ModelReferences references, CancellationToken cancellationToken)
    {
        if (workload.UserClaim is not null && options.Type != SharedPvc.SharedPvcMode.ModeName)
        {
            await events.RecordAsync(
                EventTarget.Of(workload.Document),
                EventType.Warning,
                Reasons.ModelCacheClaimIgnored,
                $"{Annotations.ModelCacheClaim} applies to delivery type SharedPVC, and this cluster uses {options.Type}",
                cancellationToken);
        }

        DeliveryOutcome.Held? obstacle = DeliveryDecision.Obstacle(
            workload, references, options.Type, reference => models.Find(reference, workload.Namespace), out IReadOnlyList<ModelFact> ready);
        if (obstacle is not null)
        {
            return obstacle;
        }

        return await _modes[options.Type].PrepareAsync(workload, ready, cancellationToken);
    }

    private async Task<ReconcileResult> DeliverAsync(Workload workload, DeliveryPlan plan, string? note, CancellationToken cancellationToken)
    {
        DeliveryPlan? earlier = DeliveryPlan.Decode(workload.Document);
        string? left = earlier?.Mode == plan.Mode ? earlier.Left : earlier?.Mode;
        bool isNew = earlier?.Encode() != plan.Encode() || SchedulingGate.IsOn(workload.Template);
        VolumeSet volumes = _modes[plan.Mode].Volumes(plan);
        JsonObject delivered = await writer.DeliverAsync(workload, plan with { Left = left }, volumes, cancellationToken);
        if (left is not null)
        {
            // The installation delivers in another way now. A claim that Pods still mount stays until they end: Kubernetes protects it.
            if (_modes.TryGetValue(left, out IDeliveryMode? mode))
            {
                await mode.CleanupAsync(workload, cancellationToken);
            }

            delivered = await writer.DeliverAsync(workload with { Document = delivered }, plan, volumes, cancellationToken);
        }

        if (isNew)
        {
            string names = string.Join(", ", plan.Models.Select(model => model.Name));
            Log.Delivered(logger, workload.Kind.Type.Kind, workload.Namespace, workload.Name, names);
            string message = $"Models are in place: {names}" + (note is null ? "" : $" ({note})");
            await events.RecordAsync(EventTarget.Of(workload.Document), EventType.Normal, Reasons.ModelDeliveryPrepared, message, cancellationToken);
        }

        bool replaced = await gatedPods.SettleAsync(workload with { Document = delivered }, plan, volumes, cancellationToken);
        return isNew || replaced ? ReconcileResult.After(LookForGatedPods) : ReconcileResult.Done;
    }

    /// <summary>
    /// Keeps the gate closed. What was delivered for the same models before stays in the template as long as it is there: taking it out would replace Pods that run (requirement Q5).
    /// </summary>
    private async Task<ReconcileResult> HoldAsync(Workload workload, ModelReferences references, DeliveryOutcome.Held held, CancellationToken cancellationToken)
    {
        DeliveryPlan? earlier = DeliveryPlan.Decode(workload.Document);
        DeliveryPlan? kept = earlier is not null && !held.IsLost && earlier.Answers(references) && _modes.ContainsKey(earlier.Mode) ? earlier : null;
        await writer.HoldAsync(workload, held.Message, kept, kept is null ? null : _modes[kept.Mode].Volumes(kept), cancellationToken);
        await events.RecordAsync(
            EventTarget.Of(workload.Document), held.IsWarning ? EventType.Warning : EventType.Normal, held.Reason, held.Message, cancellationToken);
        return held.LookAgain is { } delay ? ReconcileResult.After(delay) : ReconcileResult.Done;
    }

    /// <summary>
    /// Takes back all of ours (requirement D9), the message last: while it is there, whoever comes after a crash or an error in between goes on here.
    /// </summary>
    private async Task<ReconcileResult> RemoveAsync(Workload workload, CancellationToken cancellationToken)
    {
        bool isNew = SchedulingGate.IsOn(workload.Template) || DeliveryPlan.IsIn(workload.Document);
        JsonObject released = await writer.ReleaseAsync(workload, "no models are asked for any more; what was made for them is being removed", cancellationToken);
        bool replaced = await gatedPods.LetGoAsync(workload with { Document = released }, cancellationToken);
        if (isNew || replaced)
        {
            return ReconcileResult.After(LookForGatedPods);
        }

        foreach (IDeliveryMode mode in _modes.Values)
        {
            await mode.CleanupAsync(workload, cancellationToken);
        }

        await writer.RemoveAsync(workload, cancellationToken);
        Log.Removed(logger, workload.Kind.Type.Kind, workload.Namespace, workload.Name);
        return ReconcileResult.Done;
    }

    private static partial class Log
    {
        [LoggerMessage(30, LogLevel.Information, "{Kind} {Namespace}/{Name} has its models: {Models}")]
        public static partial void Delivered(ILogger logger, string kind, string @namespace, string name, string models);

        [LoggerMessage(31, LogLevel.Information, "{Kind} {Namespace}/{Name} asks for no models any more; everything of ours was removed")]
        public static partial void Removed(ILogger logger, string kind, string @namespace, string name);
    }
}
