using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Contracts.WellKnown;
using AiModels.Hosting.Kubernetes;
using AiModels.NodeAgent.Authorization;

namespace AiModels.NodeAgent.Prefetching;

/// <summary>From the Kubernetes API: Pods that wait, and the models themselves. A forged volume fetches nothing: the model decides, as for a mount.</summary>
internal sealed class LiveModelCatalog(IKubernetesClient client, IMountAuthorizer authorizer, ServeOptions options) : IModelCatalog
{
    // Pods that are not on a node have an empty name there; the server filters.
    private static readonly KubernetesListOptions Unscheduled = new() { FieldSelector = "spec.nodeName=" };

    public async Task<WantedModels> ReadAsync(CancellationToken cancellationToken)
    {
        KubernetesList clusterModels = await client.ListAsync(ResourceTypes.ClusterModels, null, null, cancellationToken);
        KubernetesList pods = await client.ListAsync(ResourceTypes.Pods, null, Unscheduled, cancellationToken);
        return new WantedModels(
            [.. clusterModels.Items.Where(IsPinned).Select(Ready).OfType<AuthorizedModel>()],
            await ExpectedAsync(pods.Items, cancellationToken));
    }

    private async Task<IReadOnlyList<AuthorizedModel>> ExpectedAsync(IEnumerable<JsonObject> pods, CancellationToken cancellationToken)
    {
        var expected = new List<AuthorizedModel>();
        foreach (ModelName name in pods.Where(pod => PendingPods.IsBoundFor(pod, options.NodeName)).SelectMany(PendingPods.ModelsOf).Distinct())
        {
            try
            {
                expected.Add(await authorizer.ResolveAsync(name.Kind, name.PodNamespace, name.Name, name.Digest, cancellationToken));
            }
            catch (NodeAgentException)
            {
                // Not Ready yet, deleted, or a forgery: there is nothing to fetch, and the Pod is told when it asks.
            }
        }

        return expected;
    }

    private static bool IsPinned(JsonObject model) => (string?)model["metadata"]?["annotations"]?[Annotations.NodeCachePin] == "true";

    private static AuthorizedModel? Ready(JsonObject model) =>
        (string?)model["status"]?["phase"] == Phases.Ready && (string?)model["status"]?["artifact"]?["digest"] is { } digest
            ? new AuthorizedModel(GroupVersion.ClusterModelKind, null, (string)model["metadata"]!["name"]!, digest, (long?)model["status"]!["artifact"]!["sizeBytes"] ?? 0)
            : null;
}
