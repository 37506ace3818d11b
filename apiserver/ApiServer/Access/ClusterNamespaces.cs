using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Resources;
using AiModels.Hosting.Kubernetes;

namespace AiModels.ApiServer.Access;

/// <summary>Namespaces of the host cluster, looked up when something is created in one. What exists is believed for a moment, what does not is asked anew.</summary>
internal sealed class ClusterNamespaces(IKubernetesClient cluster, TimeProvider time) : INamespaceSource
{
    private static readonly ResourceType Type = new("", "v1", "namespaces", "Namespace", Namespaced: false);

    // Two seconds: a series of creates asks once, and a namespace that is going away is seen soon enough.
    private static readonly TimeSpan Life = TimeSpan.FromSeconds(2);

    private readonly ReviewCache<string, NamespaceState> _cache = new(time);

    public async ValueTask<NamespaceState> GetStateAsync(string name, CancellationToken cancellationToken)
    {
        if (_cache.TryGet(name, out NamespaceState known))
        {
            return known;
        }

        JsonObject? found;
        try
        {
            found = await cluster.GetAsync(Type, null, name, cancellationToken);
        }
        catch (Exception cause) when (cause is KubernetesApiException or HttpRequestException)
        {
            throw ApiError.Internal($"the host cluster could not be asked for the namespace \"{name}\": {cause.Message}");
        }

        NamespaceState state = found is null ? NamespaceState.Absent
            : found["metadata"]?["deletionTimestamp"] is not null ? NamespaceState.Terminating : NamespaceState.Active;
        if (state == NamespaceState.Active)
        {
            _cache.Set(name, state, Life);
        }

        return state;
    }
}
