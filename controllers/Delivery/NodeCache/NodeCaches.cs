using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Runtime;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Delivery.NodeCache;

/// <summary>What the nodes' caches hold, as their agents tell.</summary>
internal interface INodeCaches
{
    /// <summary>One for each node whose agent has reported; none when nobody has (yet).</summary>
    IReadOnlyList<NodeCacheFact> All { get; }
}

/// <summary>The NodeModelCache objects. They are watched where models come from node caches, and nowhere else.</summary>
internal sealed class NodeCaches(Informers informers) : INodeCaches
{
    public IReadOnlyList<NodeCacheFact> All => [.. Watch().List().Where(fact => fact.Status is not null)];

    /// <summary>To be called before the informers start: controllers wait for what is watched by then, so that nodes that are not known yet are not taken for none.</summary>
    public Informer<NodeCacheFact> Watch() => informers.Get(ResourceTypes.NodeModelCaches, NodeCacheFact.Of);
}

/// <summary>One node's cache.</summary>
/// <param name="Status">Null before the agent's first report.</param>
internal sealed record NodeCacheFact(string Node, NodeModelCacheStatus? Status)
{
    public IReadOnlyList<NodeArtifact> Artifacts => Status?.Artifacts ?? [];

    public static NodeCacheFact Of(JsonObject document)
    {
        NodeModelCache cache = document.Deserialize<NodeModelCache>(ContractsJson.Options)!;
        return new NodeCacheFact(cache.Metadata.Name ?? "", cache.Status);
    }

    /// <summary>Bytes of the artifact that are on the node.</summary>
    public long PresentBytes(string digest) => Artifacts.FirstOrDefault(artifact => artifact.Digest == digest)?.PresentBytes ?? 0;

    /// <summary>Whether all of it is there and may be mounted at once.</summary>
    public bool Has(string digest) => Artifacts.Any(artifact => artifact.Digest == digest && artifact.State == "Ready");
}
