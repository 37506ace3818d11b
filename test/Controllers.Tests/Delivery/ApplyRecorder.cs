using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Tests.Delivery;

/// <summary>
/// The API in memory, but for server-side apply: that is the API server's own business, so the patch is kept for the test to look at, and of what it does only that is
/// done by which the next reconciliation tells how far the last one came: our annotations.
/// </summary>
internal sealed class ApplyRecorder(InMemoryKubernetes inner) : IKubernetesClient
{
    public List<JsonObject> Applied { get; } = [];

    /// <summary>JSON patches, as sent.</summary>
    public List<JsonArray> JsonPatches { get; } = [];

    public Task<JsonObject?> GetAsync(ResourceType type, string? ns, string name, CancellationToken cancellationToken) => inner.GetAsync(type, ns, name, cancellationToken);

    public Task<KubernetesList> ListAsync(ResourceType type, string? ns, KubernetesListOptions? options, CancellationToken cancellationToken) =>
        inner.ListAsync(type, ns, options, cancellationToken);

    public IAsyncEnumerable<KubernetesEvent> WatchAsync(ResourceType type, string? ns, KubernetesListOptions? options, CancellationToken cancellationToken) =>
        inner.WatchAsync(type, ns, options, cancellationToken);

    public Task<JsonObject> CreateAsync(ResourceType type, JsonObject body, string? fieldManager, CancellationToken cancellationToken) =>
        inner.CreateAsync(type, body, fieldManager, cancellationToken);

    public Task<JsonObject> UpdateAsync(ResourceType type, JsonObject body, string? subresource, CancellationToken cancellationToken) =>
        inner.UpdateAsync(type, body, subresource, cancellationToken);

    public async Task<JsonObject> PatchAsync(
        ResourceType type, string? ns, string name, KubernetesPatch patch, JsonNode body, string? subresource, string? fieldManager, CancellationToken cancellationToken)
    {
        switch (patch)
        {
            case KubernetesPatch.Apply:
                Assert.AreEqual("ai-models-delivery", fieldManager);
                Applied.Add((JsonObject)body.DeepClone());
                return await UnrecordedAsync(inner.PatchAsync(type, ns, name, KubernetesPatch.Merge, OurAnnotations(body), null, null, cancellationToken));
            case KubernetesPatch.Json:
                JsonPatches.Add((JsonArray)body.DeepClone());
                return await UnrecordedAsync(inner.PatchAsync(type, ns, name, patch, body, null, null, cancellationToken));
            default:
                return await inner.PatchAsync(type, ns, name, patch, body, subresource, fieldManager, cancellationToken);
        }
    }

    public Task DeleteAsync(ResourceType type, string? ns, string name, string? uid, string? propagationPolicy, CancellationToken cancellationToken) =>
        inner.DeleteAsync(type, ns, name, uid, propagationPolicy, cancellationToken);

    public Task<JsonObject> SubresourceAsync(
        HttpMethod method, ResourceType type, string? ns, string name, string subresource, JsonObject? body, CancellationToken cancellationToken) =>
        inner.SubresourceAsync(method, type, ns, name, subresource, body, cancellationToken);

    public Task<JsonObject> RawAsync(HttpMethod method, string path, JsonObject? body, CancellationToken cancellationToken) => inner.RawAsync(method, path, body, cancellationToken);

    /// <summary>It is in <see cref="Applied"/> or <see cref="JsonPatches"/> instead.</summary>
    private async Task<JsonObject> UnrecordedAsync(Task<JsonObject> write)
    {
        JsonObject written = await write;
        inner.Writes.RemoveAt(inner.Writes.Count - 1);
        return written;
    }

    private static JsonObject OurAnnotations(JsonNode applied) => new()
    {
        ["metadata"] = new JsonObject
        {
            ["annotations"] = new JsonObject(new[] { Annotations.ResolvedModels, Annotations.DeliveryMessage }.Select(
                name => KeyValuePair.Create(name, applied["metadata"]?["annotations"]?[name]?.DeepClone()))),
        },
    };
}
