using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Admission;
using AiModels.ApiMachinery.Storage;

namespace AiModels.LocalCluster.Host.Admission;

/// <summary>The host's own webhook configurations and namespaces. Webhooks are reached by clientConfig.url; there are no Services here.</summary>
internal sealed class HostWebhooks(IObjectStore store) : IWebhookSource
{
    private volatile Snapshot _mutating = new("", []), _validating = new("", []);

    public Task Synced => Task.CompletedTask;

    public async ValueTask<IReadOnlyList<Webhook>> GetAsync(bool isMutating, CancellationToken cancellationToken)
    {
        string resource = isMutating ? "mutatingwebhookconfigurations" : "validatingwebhookconfigurations";
        StoredList list = await store.ListAsync(new ListRequest { Prefix = ObjectKey.PrefixOf("admissionregistration.k8s.io", resource) }, cancellationToken);
        string versions = string.Join(',', list.Objects.Select(o => o.Revision));
        Snapshot known = isMutating ? _mutating : _validating;
        if (known.Versions == versions) return known.Webhooks;
        var read = new Snapshot(versions, Webhook.ReadAll(list.Objects.Select(o => JsonNode.Parse(o.Value.Span)!.AsObject())));
        _ = isMutating ? _mutating = read : _validating = read;
        return read.Webhooks;
    }

    public async ValueTask<JsonObject?> FindNamespaceAsync(string name, CancellationToken cancellationToken) =>
        await store.GetAsync(new ObjectKey("", "namespaces", "", name), cancellationToken) is { } ns ? JsonNode.Parse(ns.Value.Span)!.AsObject() : null;

    private sealed record Snapshot(string Versions, Webhook[] Webhooks);
}
