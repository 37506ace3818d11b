using AiModels.Contracts.WellKnown;

namespace AiModels.Controllers.Delivery.Webhook;

/// <summary>Settings of the mutating webhook.</summary>
internal sealed record WebhookOptions
{
    /// <summary>Where it listens: https://ADDRESS:PORT.</summary>
    public required Uri Listen { get; init; }

    /// <summary>How the API server reaches it; null for the Service ai-models-controllers of the module's namespace.</summary>
    public Uri? Url { get; init; }

    /// <summary>Namespace of the Service and of the Secret that replicas share the certificate by.</summary>
    public string Namespace { get; init; } = Namespaces.Module;

    /// <summary>
    /// Fail: an annotated workload cannot be created or changed while no controller answers. Ignore would let its Pods start without models, which is what
    /// the gate is there to prevent (requirement D3). Workloads without annotation never come here (matchConditions).
    /// </summary>
    public string FailurePolicy { get; init; } = "Fail";
}
