using System.Text.Json.Nodes;

namespace AiModels.ApiMachinery.Admission;

/// <summary>Where admission webhooks and the labels of namespaces are known: caches of the cluster's API for an extension server, its own objects for the stand-in cluster.</summary>
public interface IWebhookSource
{
    /// <summary>Completes when everything is known. Before that writes wait, and are refused after a while: what is not known could have refused them.</summary>
    Task Synced { get; }

    /// <summary>The webhooks in the order in which they are called: by name of their configuration, then as listed there.</summary>
    ValueTask<IReadOnlyList<Webhook>> GetAsync(bool isMutating, CancellationToken cancellationToken);

    /// <summary>The namespace as an object, or null when there is none.</summary>
    ValueTask<JsonObject?> FindNamespaceAsync(string name, CancellationToken cancellationToken);
}
