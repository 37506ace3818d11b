using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;
using AiModels.Controllers.Delivery.SharedPvc;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Delivery.NodeCache.Storage;

/// <summary>
/// What a node of the cache gets when its bytes are on a claim: the claim, and the Pod with the agent and the driver, both owned by the Node. Names are made from the
/// node's, which may be longer than a name or label may be. Pure.
/// </summary>
internal sealed record CacheNode(string Node, string Uid, NodeCacheStorageOptions Options)
{
    /// <summary>On claim and Pod: whose they are.</summary>
    public const string NodeAnnotation = "ai.deckhouse.io/cache-node";

    /// <summary>On the Pod: what it was made from. Another value means another template or size, and a new Pod.</summary>
    public const string RevisionAnnotation = "ai.deckhouse.io/cache-revision";

    /// <summary>Label of claims and Pods, with <see cref="Labels.ManagedBy"/>.</summary>
    public const string Component = "app.kubernetes.io/component";

    public const string ComponentValue = "node-cache";

    /// <summary>All claims and Pods of ours in the module's namespace.</summary>
    public const string Selector = $"{Labels.ManagedBy}={Labels.ManagedByValue},{Component}={ComponentValue}";

    private const string Volume = "cache";
    private const string AgentContainer = "nodeagent";
    private const string CapacityVariable = "AIMODELS_NODEAGENT_CAPACITY";

    public string Name => $"ai-models-node-cache-{Hashing.Short(Node)}";

    public JsonObject Claim(string storageClass) => new()
    {
        ["apiVersion"] = "v1",
        ["kind"] = "PersistentVolumeClaim",
        ["metadata"] = Metadata(),
        ["spec"] = new JsonObject
        {
            ["accessModes"] = new JsonArray("ReadWriteOnce"),
            ["storageClassName"] = storageClass,
            ["resources"] = Request(),
        },
    };

    /// <summary>The part of the claim that may change later.</summary>
    public JsonObject Request() => new() { ["requests"] = new JsonObject { ["storage"] = ClaimSize.Format(RoundedBytes) } };

    public bool IsLargeEnough(JsonObject claim) => ClaimSize.Parse((string?)claim["spec"]?["resources"]?["requests"]?["storage"]) >= RoundedBytes;

    /// <summary>
    /// The template's Pod for this node. The scheduler is told the node by affinity and not by spec.nodeName, which would leave a claim that waits for its first consumer unbound.
    /// </summary>
    public JsonObject Pod(JsonObject podTemplate)
    {
        var spec = (JsonObject)podTemplate["template"]!["spec"]!.DeepClone();
        PinToNode(spec);
        MountClaim(spec);
        SetCapacity(spec);
        JsonObject metadata = Metadata();
        foreach ((string name, JsonNode? value) in podTemplate["template"]!["metadata"]?["labels"] as JsonObject ?? [])
        {
            metadata["labels"]![name] ??= value?.DeepClone();
        }

        metadata["annotations"]![RevisionAnnotation] = Hashing.Short(spec.ToJsonString());
        return new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Pod", ["metadata"] = metadata, ["spec"] = spec };
    }

    // Claims are written in MiB.
    private long RoundedBytes => (Options.CacheBytes + (1 << 20) - 1) >> 20 << 20;

    private void PinToNode(JsonObject spec) => spec["affinity"] = new JsonObject
    {
        ["nodeAffinity"] = new JsonObject
        {
            ["requiredDuringSchedulingIgnoredDuringExecution"] = new JsonObject
            {
                ["nodeSelectorTerms"] = new JsonArray(new JsonObject
                {
                    ["matchFields"] = new JsonArray(new JsonObject { ["key"] = "metadata.name", ["operator"] = "In", ["values"] = new JsonArray(Node) }),
                }),
            },
        },
    };

    private void MountClaim(JsonObject spec)
    {
        JsonNode[] others = [.. (spec["volumes"] as JsonArray ?? []).Where(volume => (string?)volume?["name"] != Volume).Select(volume => volume!.DeepClone())];
        spec["volumes"] = new JsonArray([new JsonObject { ["name"] = Volume, ["persistentVolumeClaim"] = new JsonObject { ["claimName"] = Name } }, .. others]);
    }

    private void SetCapacity(JsonObject spec)
    {
        if ((spec["containers"] as JsonArray)?.FirstOrDefault(container => (string?)container?["name"] == AgentContainer) is not JsonObject agent)
        {
            return;
        }

        JsonNode[] others = [.. (agent["env"] as JsonArray ?? []).Where(variable => (string?)variable?["name"] != CapacityVariable).Select(variable => variable!.DeepClone())];
        agent["env"] = new JsonArray([.. others, new JsonObject { ["name"] = CapacityVariable, ["value"] = $"{RoundedBytes >> 20}Mi" }]);
    }

    private JsonObject Metadata() => new()
    {
        ["name"] = Name,
        ["namespace"] = Options.Namespace,
        ["labels"] = new JsonObject { [Labels.ManagedBy] = Labels.ManagedByValue, [Component] = ComponentValue },
        ["annotations"] = new JsonObject { [NodeAnnotation] = Node },
        ["ownerReferences"] = new JsonArray(new JsonObject { ["apiVersion"] = ResourceTypes.Nodes.ApiVersion, ["kind"] = ResourceTypes.Nodes.Kind, ["name"] = Node, ["uid"] = Uid }),
    };
}
