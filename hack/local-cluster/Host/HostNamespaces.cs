using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Storage;

namespace AiModels.LocalCluster.Host;

/// <summary>The host's own namespaces, for the rule that nothing is created in one that is absent or going away.</summary>
internal sealed class HostNamespaces(IObjectStore store) : INamespaceSource
{
    public async ValueTask<NamespaceState> GetStateAsync(string name, CancellationToken cancellationToken)
    {
        StoredObject? ns = await store.GetAsync(new ObjectKey("", "namespaces", "", name), cancellationToken);
        if (ns == null) return NamespaceState.Absent;
        return JsonNode.Parse(ns.Value.Span)!.IsDeleting() ? NamespaceState.Terminating : NamespaceState.Active;
    }
}
