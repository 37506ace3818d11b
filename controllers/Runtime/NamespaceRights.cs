using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Runtime;

/// <summary>
/// Secrets and Roles are reached namespace by namespace (requirement Q11): before the first of them is touched, a RoleBinding in that namespace gives the right,
/// for everybody there to see. Namespaces without models and without workloads that ask for some never get one. It is a part of the installation, as the
/// ClusterRole is, and made for no single model: it stays when the last one goes, and comes back when somebody takes it away.
/// </summary>
internal sealed class NamespaceRights(IKubernetesClient inner, TimeProvider time) : IKubernetesClient, IDisposable
{
    /// <summary>The ClusterRole that is bound; manifests/base/controllers has its rules.</summary>
    public const string Role = "ai-models-controllers-namespace";

    // The label of everything in manifests/.
    private const string PartOf = "app.kubernetes.io/part-of";

    private const string Account = FieldManagers.Controllers;

    // API servers learn of a binding by a watch: most often at once, now and then a moment later.
    private static readonly TimeSpan[] Pauses = [TimeSpan.FromMilliseconds(50), TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2)];

    // The module's own namespace is bound by the manifests.
    private readonly ConcurrentDictionary<string, bool> _bound = new([KeyValuePair.Create(Namespaces.Module, true)], StringComparer.Ordinal);

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

    public void Dispose() => (inner as IDisposable)?.Dispose();

    private async Task<T> DoAsync<T>(ResourceType type, string? ns, Func<Task<T>> request, CancellationToken cancellationToken)
    {
        if (ns is null || (type != ResourceTypes.Secrets && type != ResourceTypes.Roles))
        {
            return await request();
        }

        foreach (TimeSpan pause in Pauses)
        {
            if (_bound.TryAdd(ns, true))
            {
                await BindAsync(ns, cancellationToken);
            }

            try
            {
                return await request();
            }
            catch (KubernetesApiException refused) when (refused.StatusCode == 403 && !refused.IsNamespaceTerminating)
            {
                // Not known everywhere yet, or somebody took the binding away: it is made again.
                _bound.TryRemove(ns, out _);
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
            ["metadata"] = new JsonObject { ["name"] = Role, ["namespace"] = ns, ["labels"] = new JsonObject { [PartOf] = "ai-models" } },
            ["roleRef"] = new JsonObject { ["apiGroup"] = ResourceTypes.Roles.Group, ["kind"] = "ClusterRole", ["name"] = Role },
            ["subjects"] = new JsonArray(new JsonObject { ["kind"] = "ServiceAccount", ["name"] = Account, ["namespace"] = Namespaces.Module }),
        };
        try
        {
            await inner.CreateAsync(ResourceTypes.RoleBindings, binding, FieldManagers.Controllers, cancellationToken);
        }
        catch (KubernetesApiException known) when (known.IsAlreadyExists)
        {
            // Made before, by this process or another.
        }
        catch (KubernetesApiException refused)
        {
            _bound.TryRemove(ns, out _);
            if (refused.StatusCode != 403 || refused.IsNamespaceTerminating)
            {
                throw;
            }

            throw new KubernetesApiException(
                refused.StatusCode,
                refused.Reason,
                $"The controllers may not use Secrets in the namespace {ns}, and may not bind the ClusterRole {Role} there: apply the manifests of the controllers again, or make that RoleBinding for the service account {Namespaces.Module}/{Account} by hand ({refused.Message})",
                refused.Status);
        }
    }
}
