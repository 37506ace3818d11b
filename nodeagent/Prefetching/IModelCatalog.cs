using AiModels.NodeAgent.Authorization;

namespace AiModels.NodeAgent.Prefetching;

/// <summary>What this node's cache should have before anybody asks.</summary>
internal interface IModelCatalog
{
    /// <summary>Reads the live state. Throws KubernetesApiException or HttpRequestException when it cannot be read.</summary>
    Task<WantedModels> ReadAsync(CancellationToken cancellationToken);
}

/// <summary>Models that are Ready and should be here.</summary>
/// <param name="Pinned">ClusterModels that an administrator pinned.</param>
/// <param name="Expected">Models of Pods that will come to this node.</param>
internal sealed record WantedModels(IReadOnlyList<AuthorizedModel> Pinned, IReadOnlyList<AuthorizedModel> Expected);
