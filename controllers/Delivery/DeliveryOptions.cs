using AiModels.Controllers.Delivery.NodeCache.Storage;

namespace AiModels.Controllers.Delivery;

/// <summary>Settings of delivery, filled from the controllers' options.</summary>
internal sealed record DeliveryOptions
{
    /// <summary>SharedPVC or NodeCache.</summary>
    public string Type { get; init; } = SharedPvc.SharedPvcMode.ModeName;

    /// <summary>StorageClass of shared claims, in order of preference; the first that is set counts, else the cluster's default.</summary>
    public IReadOnlyList<string?> StorageClasses { get; init; } = [];

    /// <summary>NodeCache: whether new Pods prefer nodes that have their models already.</summary>
    public bool PrefersWarmNodes { get; init; } = true;

    /// <summary>NodeCache: where the nodes keep the bytes.</summary>
    public NodeCacheStorageOptions NodeCacheStorage { get; init; } = new();

    /// <summary>Image of materializer Jobs.</summary>
    public string NodeAgentImage { get; init; } = "ai-models/nodeagent:latest";

    /// <summary>Address of the registry as Jobs reach it; null for the one that the grant names.</summary>
    public string? JobRegistryAddress { get; init; }

    /// <summary>PEM of the CA that signed the registry's certificate, handed to Jobs; null for the system's.</summary>
    public string? RegistryCaPem { get; init; }
}
