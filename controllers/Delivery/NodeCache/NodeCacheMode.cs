using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Contracts.WellKnown;
using AiModels.Controllers.Delivery.NodeCache.Storage;

namespace AiModels.Controllers.Delivery.NodeCache;

/// <summary>
/// Models in a cache per node: an inline CSI volume a model, which our driver mounts from the node agent's cache. Nothing is prepared beforehand; the first Pod on
/// a node waits in kubelet while the agent fetches. The attributes are a hint, not a permission: the agent checks against the live Pod and model.
/// </summary>
internal sealed class NodeCacheMode(INodeCaches caches, NodeCacheReadiness readiness) : IDeliveryMode
{
    public const string ModeName = "NodeCache";

    // The reports of the nodes are not watched for this: room comes back when Pods end, which is a matter of minutes.
    private static readonly TimeSpan LookForRoom = TimeSpan.FromSeconds(20);

    // The first look at the storage is a few requests after the start.
    private static readonly TimeSpan LookForStorage = TimeSpan.FromSeconds(2);

    // Of many nodes the first few say enough.
    private const int NodesInWords = 3;

    public string Name => ModeName;

    public Task<DeliveryOutcome> PrepareAsync(Workload workload, IReadOnlyList<ModelFact> models, CancellationToken cancellationToken) =>
        Task.FromResult(Prepare(workload, models));

    public VolumeSet Volumes(DeliveryPlan plan) => new(
        [.. plan.Models.Select(Volume)],
        [.. plan.Models.Select(model => new ModelMount(model.Name, VolumeName(model), SubPath: null))]);

    public Task CleanupAsync(Workload workload, CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>
    /// Prepared when a node can take the models, or when no node has reported. Otherwise the gate holds: behind it the Pods would wait in kubelet, on a node that cannot help them.
    /// What is delivered already stays delivered.
    /// </summary>
    private DeliveryOutcome Prepare(Workload workload, IReadOnlyList<ModelFact> models)
    {
        var plan = new DeliveryPlan(ModeName, Claim: null, [.. models.Select(model => model.Delivered)]);
        Dictionary<string, long> wanted = models.DistinctBy(model => model.Delivered.Digest).ToDictionary(model => model.Delivered.Digest, model => model.SizeBytes);
        NodeRoom[] rooms = [.. caches.All.Select(node => NodeRoom.For(node, wanted)).OrderBy(room => room.ShortBytes).ThenBy(room => room.MissingBytes)];
        string words = string.Join("; ", rooms.Take(NodesInWords).Select(room => room.InWords()));
        bool isDelivered = DeliveryPlan.Decode(workload.Document)?.Encode() == plan.Encode() && !SchedulingGate.IsOn(workload.Template);
        if (!isDelivered && !rooms.Any(room => room.Fits))
        {
            if (!readiness.IsKnown)
            {
                return new DeliveryOutcome.Held(Reasons.NodeCacheNotReady, "the storage of the nodes' caches is being looked at", IsWarning: false, LookForStorage);
            }

            if (readiness.Problem is { } problem)
            {
                return new DeliveryOutcome.Held(Reasons.NodeCacheNotReady, $"the nodes' caches have no storage: {problem}", IsWarning: true, LookForRoom);
            }
        }

        return rooms.Length == 0 || rooms[0].Fits || isDelivered
            ? new DeliveryOutcome.Prepared(plan, rooms.Length == 0 ? null : words)
            : new DeliveryOutcome.Held(Reasons.InsufficientStorage, $"no node's model cache has room for {string.Join(", ", models.Select(model => model.Reference))}: {words}", IsWarning: true, LookForRoom);
    }

    private static JsonObject Volume(DeliveredModel model) => new()
    {
        ["name"] = VolumeName(model),
        ["csi"] = new JsonObject
        {
            ["driver"] = CsiAttributes.Driver,
            ["readOnly"] = true,
            ["volumeAttributes"] = new JsonObject
            {
                [CsiAttributes.ModelKind] = model.Kind,
                [CsiAttributes.ModelName] = model.Name,
                [CsiAttributes.Digest] = model.Digest,
            },
        },
    };

    // Volume names are DNS labels of at most 63 characters; model names may be longer and have dots.
    private static string VolumeName(DeliveredModel model) => $"{VolumeSet.NamePrefix}-{Hashing.Short(model.Kind + "/" + model.Name)}";
}
