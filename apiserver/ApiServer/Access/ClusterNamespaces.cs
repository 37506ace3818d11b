using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Resources;
using AiModels.Hosting.Kubernetes;

namespace AiModels.ApiServer.Access;

/// <summary>
/// Namespaces of the host cluster: from a cache, and where the cache knows none, after a moment and from the host itself, so that whoever makes a
/// namespace and then something in it is not refused (contract G1, G5).
/// </summary>
internal sealed class ClusterNamespaces(ClusterCache cache, IKubernetesClient cluster, TimeProvider time) : INamespaceSource
{
    public static readonly ResourceType Type = ResourceTypes.Namespaces;

    // Upstream's: a namespace that was just made is usually in the cache by then.
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(50);

    public Task Synced => cache.Synced;

    public async ValueTask<NamespaceState> GetStateAsync(string name, CancellationToken cancellationToken) => StateOf(await FindAsync(name, cancellationToken));

    /// <summary>The namespace, or null when there is none.</summary>
    public async ValueTask<JsonObject?> FindAsync(string name, CancellationToken cancellationToken)
    {
        if (cache.Find(name) is { } known)
        {
            return known;
        }

        await Task.Delay(Moment, time, cancellationToken);
        if (cache.Find(name) is { } arrived)
        {
            return arrived;
        }

        try
        {
            return await cluster.GetAsync(Type, null, name, cancellationToken);
        }
        catch (Exception cause) when (cause is KubernetesApiException or HttpRequestException)
        {
            throw ApiError.Internal($"the host cluster could not be asked for the namespace \"{name}\": {cause.Message}");
        }
    }

    private static NamespaceState StateOf(JsonObject? ns) =>
        ns is null ? NamespaceState.Absent
        : ns["metadata"]?["deletionTimestamp"] is not null || (string?)ns["status"]?["phase"] == "Terminating" ? NamespaceState.Terminating
        : NamespaceState.Active;
}
