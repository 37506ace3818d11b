using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Admission;
using AiModels.Hosting.Kubernetes;

namespace AiModels.ApiServer.Access;

/// <summary>The host cluster's webhook configurations, parsed once for each change of them.</summary>
internal sealed class ClusterWebhooks : IWebhookSource
{
    public static readonly ResourceType Mutating = ResourceTypes.MutatingWebhookConfigurations;
    public static readonly ResourceType Validating =
        new("admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations", "ValidatingWebhookConfiguration", false);

    private readonly ClusterNamespaces _namespaces;
    private volatile Webhook[] _mutating = [];
    private volatile Webhook[] _validating = [];

    public ClusterWebhooks(ClusterCache mutating, ClusterCache validating, ClusterNamespaces namespaces)
    {
        _namespaces = namespaces;
        Synced = Task.WhenAll(mutating.Synced, validating.Synced, namespaces.Synced);
        mutating.Changed += () => _mutating = Webhook.ReadAll(mutating.All());
        validating.Changed += () => _validating = Webhook.ReadAll(validating.All());
        (_mutating, _validating) = (Webhook.ReadAll(mutating.All()), Webhook.ReadAll(validating.All()));
    }

    public Task Synced { get; }

    public ValueTask<IReadOnlyList<Webhook>> GetAsync(bool isMutating, CancellationToken cancellationToken) => new(isMutating ? _mutating : _validating);

    public ValueTask<JsonObject?> FindNamespaceAsync(string name, CancellationToken cancellationToken) => _namespaces.FindAsync(name, cancellationToken);
}
