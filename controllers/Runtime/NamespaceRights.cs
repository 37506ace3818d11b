using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Runtime;

/// <summary>
/// Secrets and Roles are reached namespace by namespace (requirement Q11): where one is refused, a RoleBinding in that namespace gives the right, for everybody
/// there to see, and the request is made again. Namespaces without models or without workloads that ask for some never get one.
/// </summary>
internal sealed class NamespaceRights(IKubernetesClient inner, TimeProvider time) : IKubernetesClient
{
    /// <summary>The ClusterRole that is bound; manifests/base/controllers has its rules.</summary>
    public const string Role = "ai-models-controllers-namespace";

    private const string Account = FieldManagers.Controllers;

    // API servers learn of a binding by a watch: most often at once, now and then a moment later.
    private static readonly TimeSpan[] Pauses = [TimeSpan.FromMilliseconds(50), TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2)];

    public Task<JsonObject?> GetAsync(ResourceType type, string? ns, string name, CancellationToken cancellationToken) =>
        DoAsync(type, ns, () => inner.GetAsync(type, ns, name, cancellationToken), cancellationToken);

    public Task<KubernetesList> ListAsync(ResourceType type, string? ns, KubernetesListOptions? options, CancellationToken cancellationToken) =>
        inner.ListAsync(type, ns, options, cancellationToken);

    public IAsyncEnumerable<KubernetesEvent> WatchAsync(ResourceType type, string? ns, KubernetesListOptions? options, CancellationToken cancellationToken) =>
        inner.WatchAsync(type, ns, options, cancellationToken);

    public Task<JsonObject> CreateAsync(ResourceType type, JsonObject body, string? fieldManager, CancellationToken cancellationToken) =>
        DoAsync(type, (string?)body["metadata"]?["namespace"], () => inner.CreateAsync(type, body, fieldManager, cancellationToken), cancellationToken);

    public Task<JsonObject> UpdateAsync(ResourceType type, JsonObject body, string? subresource, CancellationToken cancellationToken) =>
        DoAsync(type, (string?)body["metadata"]?["namespace"], () => inner.UpdateAsync(type, body, subresource, cancellationToken), cancellationToken);

    public Task<JsonObject> PatchAsync(
        ResourceType type, string? ns, string name, KubernetesPatch patch, JsonNode body, string? subresource, string? fieldManager, CancellationToken cancellationToken) =>
        DoAsync(type, ns, () => inner.PatchAsync(type, ns, name, patch, body, subresource, fieldManager, cancellationToken), cancellationToken);

    public Task DeleteAsync(ResourceType type, string? ns, string name, string? uid, string? propagationPolicy, CancellationToken cancellationToken) => DoAsync(
        type,
        ns,
        async () =>
        {
            await inner.DeleteAsync(type, ns, name, uid, propagationPolicy, cancellationToken);
            return true;
        },
        cancellationToken);

    public Task<JsonObject> SubresourceAsync(
        HttpMethod method, ResourceType type, string? ns, string name, string subresource, JsonObject? body, CancellationToken cancellationToken) =>
        inner.SubresourceAsync(method, type, ns, name, subresource, body, cancellationToken);

    public Task<JsonObject> RawAsync(HttpMethod method, string path, JsonObject? body, CancellationToken cancellationToken) =>
        inner.RawAsync(method, path, body, cancellationToken);

    private async Task<T> DoAsync<T>(ResourceType type, string? ns, Func<Task<T>> request, CancellationToken cancellationToken)
    {
        if (ns is null || (type != ResourceTypes.Secrets && type != ResourceTypes.Roles))
        {
            return await request();
        }

        foreach (TimeSpan pause in Pauses)
        {
            try
            {
                return await request();
            }
            catch (KubernetesApiException refused) when (refused.StatusCode == 403)
            {
                await BindAsync(ns, cancellationToken);
                await Task.Delay(pause, time, cancellationToken);
            }
        }

        return await request();
    }

    private async Task BindAsync(string ns, CancellationToken cancellationToken)
    {
        var binding = new JsonObject
        {
            ["apiVersion"] = ResourceTypes.RoleBindings.ApiVersion,
            ["kind"] = "RoleBinding",
            ["metadata"] = new JsonObject { ["name"] = Role, ["namespace"] = ns, ["labels"] = new JsonObject { [Labels.ManagedBy] = Labels.ManagedByValue } },
            ["roleRef"] = new JsonObject { ["apiGroup"] = ResourceTypes.Roles.Group, ["kind"] = "ClusterRole", ["name"] = Role },
            ["subjects"] = new JsonArray(new JsonObject { ["kind"] = "ServiceAccount", ["name"] = Account, ["namespace"] = Namespaces.Module }),
        };
        try
        {
            await inner.CreateAsync(ResourceTypes.RoleBindings, binding, FieldManagers.Controllers, cancellationToken);
        }
        catch (KubernetesApiException known) when (known.IsAlreadyExists)
        {
            // Made a moment ago, by this process or another.
        }
    }
}
