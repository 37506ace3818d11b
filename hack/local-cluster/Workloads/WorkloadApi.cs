using System.Text.Json.Nodes;
using AiModels.Hosting.Kubernetes;

namespace AiModels.LocalCluster.Workloads;

/// <summary>
/// What workload controllers do with the API. They read it live, not from a cache: at this size that costs nothing, and a controller that sees its own
/// last write never makes a Pod twice.
/// </summary>
internal sealed class WorkloadApi(IKubernetesClient client)
{
    public Task<JsonObject?> GetAsync(ResourceType type, string? ns, string name, CancellationToken cancellationToken) =>
        client.GetAsync(type, ns, name, cancellationToken);

    /// <summary>Objects of a kind whose managing controller is <paramref name="owner"/>, oldest first.</summary>
    public async Task<IReadOnlyList<JsonObject>> OwnedAsync(ResourceType type, JsonObject owner, CancellationToken cancellationToken)
    {
        KubernetesList all = await client.ListAsync(type, owner.Namespace(), null, cancellationToken);
        string uid = owner.Uid();
        return [.. all.Items.Where(o => o.IsOwnedBy(uid)).OrderBy(o => (string?)o["metadata"]?["creationTimestamp"], StringComparer.Ordinal)];
    }

    /// <summary>Makes a Pod from a template.</summary>
    /// <param name="name">Its name, or a prefix that ends with a dash.</param>
    /// <param name="adjust">Last changes: labels, host name, volumes.</param>
    public Task CreatePodAsync(JsonObject owner, JsonNode? template, string name, Action<JsonObject>? adjust, CancellationToken cancellationToken)
    {
        JsonObject metadata = template?["metadata"].Copy() ?? [];
        metadata[name.EndsWith('-') ? "generateName" : "name"] = name;
        metadata["namespace"] = owner.Namespace();
        metadata["ownerReferences"] = Documents.OwnedBy(owner);
        var pod = new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Pod", ["metadata"] = metadata, ["spec"] = template?["spec"].Copy() };
        adjust?.Invoke(pod);
        return client.CreateAsync(ResourceTypes.Pods, pod, null, cancellationToken);
    }

    public Task<JsonObject> CreateAsync(ResourceType type, JsonObject obj, CancellationToken cancellationToken) =>
        client.CreateAsync(type, obj, null, cancellationToken);

    public Task DeleteAsync(ResourceType type, JsonObject obj, CancellationToken cancellationToken) =>
        client.DeleteAsync(type, obj.Namespace(), obj.Name(), obj.Uid(), "Background", cancellationToken);

    public Task MergeAsync(ResourceType type, JsonObject obj, JsonObject patch, string? subresource, CancellationToken cancellationToken) =>
        client.PatchAsync(type, obj.Namespace(), obj.Name(), KubernetesPatch.Merge, patch, subresource, "local-cluster", cancellationToken);

    /// <summary>
    /// Merges into an object that is as it was read. Null when it is not: it was changed, or it is another one by now, as a StatefulSet's Pods have one name after the other.
    /// </summary>
    public async Task<JsonObject?> TryMergeAsync(ResourceType type, JsonObject obj, JsonObject patch, string? subresource, CancellationToken cancellationToken)
    {
        patch["metadata"] = new JsonObject { ["resourceVersion"] = obj["metadata"]!["resourceVersion"]!.DeepClone() };
        try
        {
            return await client.PatchAsync(type, obj.Namespace(), obj.Name(), KubernetesPatch.Merge, patch, subresource, "local-cluster", cancellationToken);
        }
        catch (KubernetesApiException changed) when (changed.IsConflict)
        {
            return null;
        }
    }

    /// <summary>Writes the status when it is another one.</summary>
    public async Task SetStatusAsync(ResourceType type, JsonObject obj, JsonObject status, CancellationToken cancellationToken)
    {
        if (Differs(obj, status)) await MergeAsync(type, obj, new JsonObject { ["status"] = status }, "status", cancellationToken);
    }

    /// <summary>As <see cref="SetStatusAsync"/>, of an object that is as it was read. False when it is not.</summary>
    public async Task<bool> TrySetStatusAsync(ResourceType type, JsonObject obj, JsonObject status, CancellationToken cancellationToken) =>
        !Differs(obj, status) || await TryMergeAsync(type, obj, new JsonObject { ["status"] = status }, "status", cancellationToken) != null;

    private static bool Differs(JsonObject obj, JsonObject status)
    {
        JsonObject current = obj["status"].Copy();
        JsonObject next = current.Copy();
        foreach ((string field, JsonNode? value) in status) next[field] = value?.DeepClone();
        return !Documents.Same(current, next);
    }
}
