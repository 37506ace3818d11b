using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;

namespace AiModels.Controllers.Delivery.NodeCache;

/// <summary>
/// Models in a cache per node: an inline CSI volume a model, which our driver mounts from the node agent's cache. Nothing is prepared beforehand; the first Pod on
/// a node waits in kubelet while the agent fetches. The attributes are a hint, not a permission: the agent checks against the live Pod and model.
/// </summary>
internal sealed class NodeCacheMode : IDeliveryMode
{
    public const string ModeName = "NodeCache";

    public string Name => ModeName;

    public Task<DeliveryOutcome> PrepareAsync(Workload workload, IReadOnlyList<ModelFact> models, CancellationToken cancellationToken) =>
        Task.FromResult<DeliveryOutcome>(new DeliveryOutcome.Prepared(new DeliveryPlan(ModeName, Claim: null, [.. models.Select(model => model.Delivered)])));

    public VolumeSet Volumes(DeliveryPlan plan) => new(
        [.. plan.Models.Select(Volume)],
        [.. plan.Models.Select(model => new ModelMount(model.Name, VolumeName(model), SubPath: null))]);

    public Task CleanupAsync(Workload workload, CancellationToken cancellationToken) => Task.CompletedTask;

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
