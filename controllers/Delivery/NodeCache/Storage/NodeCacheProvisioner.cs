using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Contracts.WellKnown;
using AiModels.Controllers.Runtime;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Delivery.NodeCache.Storage;

/// <summary>
/// Gives every node of the cache its claim and its Pod, and takes them from nodes that are none any more (requirement D5). One key for all: what is missing for one node is
/// most often missing for each. Troubles of a node are Events on the Node; those of all nodes also stand in the message of every gate that waits.
/// </summary>
internal sealed partial class NodeCacheProvisioner(
    IKubernetesClient client,
    INodeCacheStorage storage,
    NodeCacheStorageOptions options,
    NodeCacheReadiness readiness,
    IEventRecorder events,
    ILogger<NodeCacheProvisioner> logger) : IReconciler<string>
{
    /// <summary>The only key.</summary>
    public const string Key = "node-cache";

    // Everything that is made here is watched, but an API that is not there cannot be.
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(30);

    public async Task<ReconcileResult> ReconcileAsync(string key, CancellationToken cancellationToken)
    {
        StorageState state = await storage.EnsureAsync(cancellationToken);
        JsonObject? template = await client.GetAsync(ResourceTypes.PodTemplates, options.Namespace, options.PodTemplate, cancellationToken);
        string? problem = state.Problem ?? (template is null
            ? $"there is no PodTemplate {options.Namespace}/{options.PodTemplate}: it is part of manifests/components/node-cache-sds"
            : null);
        Note(problem);
        CacheNode[] nodes = [.. (await NodesAsync(cancellationToken)).Select(NodeOf)];
        foreach (CacheNode node in nodes)
        {
            string? trouble = template is not null && state.IsFor(node.Node)
                ? await ProvideAsync(node, state.ClassName!, template, cancellationToken)
                : problem ?? $"no volume group was made on node {node.Node}: it needs a BlockDevice that is consumable and that the selector takes";
            if (trouble is not null)
            {
                await WarnAsync(node, trouble, cancellationToken);
            }
        }

        await RemoveOthersAsync(nodes, cancellationToken);
        return problem is null ? ReconcileResult.Done : ReconcileResult.After(LookAgain);
    }

    /// <summary>One node's claim and Pod; what is wrong with them in words, or null.</summary>
    private async Task<string?> ProvideAsync(CacheNode node, string storageClass, JsonObject template, CancellationToken cancellationToken)
    {
        JsonObject? claim = await client.GetAsync(ResourceTypes.PersistentVolumeClaims, options.Namespace, node.Name, cancellationToken);
        string? trouble = claim is null ? await CreateAsync(ResourceTypes.PersistentVolumeClaims, node.Claim(storageClass), cancellationToken)
            : node.IsLargeEnough(claim) ? null
            : await GrowAsync(node, cancellationToken);
        if (claim is not null && (string?)claim["spec"]?["storageClassName"] is { } other && other != storageClass)
        {
            trouble ??= $"claim {options.Namespace}/{node.Name} is of StorageClass '{other}', not '{storageClass}': delete it to move this node's cache, whose models are fetched again";
        }

        return await RunAsync(node.Pod(template), cancellationToken) ?? trouble;
    }

    private async Task<string?> GrowAsync(CacheNode node, CancellationToken cancellationToken)
    {
        try
        {
            var patch = new JsonObject { ["spec"] = new JsonObject { ["resources"] = node.Request() } };
            await client.PatchAsync(
                ResourceTypes.PersistentVolumeClaims, options.Namespace, node.Name, KubernetesPatch.Merge, patch, null, FieldManagers.Delivery, cancellationToken);
            return null;
        }
        catch (KubernetesApiException e) when (e.StatusCode is 403 or 422)
        {
            return $"claim {options.Namespace}/{node.Name} cannot grow to --node-cache-size: {e.Message}";
        }
    }

    /// <summary>A Pod that ended or was made from something else is replaced, which no user notices: mounts of models stay.</summary>
    private async Task<string?> RunAsync(JsonObject wanted, CancellationToken cancellationToken)
    {
        string name = (string)wanted["metadata"]!["name"]!;
        JsonObject? pod = await client.GetAsync(ResourceTypes.Pods, options.Namespace, name, cancellationToken);
        if (pod is null)
        {
            return await CreateAsync(ResourceTypes.Pods, wanted, cancellationToken);
        }

        bool hasEnded = (string?)pod["status"]?["phase"] is "Failed" or "Succeeded";
        bool isOther = RevisionOf(pod) != RevisionOf(wanted);
        if ((hasEnded || isOther) && pod["metadata"]?["deletionTimestamp"] is null)
        {
            await DeleteAsync(ResourceTypes.Pods, pod, cancellationToken); // its going is watched: then the new one is made
        }

        return null;
    }

    private async Task<string?> CreateAsync(ResourceType type, JsonObject obj, CancellationToken cancellationToken)
    {
        try
        {
            await client.CreateOnceAsync(type, obj, cancellationToken);
            return null;
        }
        catch (KubernetesApiException e) when (e.StatusCode is 403 or 422)
        {
            return $"{type.Kind} {options.Namespace}/{(string?)obj["metadata"]?["name"]} is refused: {e.Message}";
        }
    }

    /// <summary>Claims and Pods of nodes that left the cache or the cluster.</summary>
    private async Task RemoveOthersAsync(CacheNode[] nodes, CancellationToken cancellationToken)
    {
        var wanted = nodes.Select(node => node.Name).ToHashSet();
        var ours = new KubernetesListOptions { LabelSelector = CacheNode.Selector };
        foreach (ResourceType type in (ResourceType[])[ResourceTypes.Pods, ResourceTypes.PersistentVolumeClaims])
        {
            foreach (JsonObject stray in (await client.ListAsync(type, options.Namespace, ours, cancellationToken)).Items)
            {
                if (!wanted.Contains((string)stray["metadata"]!["name"]!) && stray["metadata"]?["deletionTimestamp"] is null)
                {
                    await DeleteAsync(type, stray, cancellationToken);
                }
            }
        }
    }

    private Task DeleteAsync(ResourceType type, JsonObject obj, CancellationToken cancellationToken) => client.DeleteAsync(
        type, options.Namespace, (string)obj["metadata"]!["name"]!, (string?)obj["metadata"]?["uid"], null, cancellationToken);

    private async Task<IReadOnlyList<JsonObject>> NodesAsync(CancellationToken cancellationToken) =>
        (await client.ListAsync(ResourceTypes.Nodes, null, new KubernetesListOptions { LabelSelector = $"{Labels.NodeCache}=true" }, cancellationToken)).Items;

    private CacheNode NodeOf(JsonObject node) => new((string)node["metadata"]!["name"]!, (string)node["metadata"]!["uid"]!, options);

    private static string? RevisionOf(JsonObject pod) => (string?)pod["metadata"]?["annotations"]?[CacheNode.RevisionAnnotation];

    private Task WarnAsync(CacheNode node, string trouble, CancellationToken cancellationToken) => events.RecordAsync(
        new EventTarget(ResourceTypes.Nodes.ApiVersion, ResourceTypes.Nodes.Kind, null, node.Node, node.Uid), EventType.Warning, Reasons.NodeCacheNotReady, trouble, cancellationToken);

    /// <summary>Logged when it changes, not at every look.</summary>
    private void Note(string? problem)
    {
        if (!readiness.IsKnown || problem != readiness.Problem)
        {
            if (problem is null)
            {
                Log.Ready(logger, options.Kind);
            }
            else
            {
                Log.NotReady(logger, options.Kind, problem);
            }
        }

        readiness.Problem = problem;
    }

    private static partial class Log
    {
        [LoggerMessage(40, LogLevel.Warning, "The nodes' caches have no storage of kind {Kind}: {Problem}")]
        public static partial void NotReady(ILogger logger, string kind, string problem);

        [LoggerMessage(41, LogLevel.Information, "The nodes' caches have storage of kind {Kind}")]
        public static partial void Ready(ILogger logger, string kind);
    }
}
