using System.ComponentModel.DataAnnotations;

namespace AiModels.Contracts.V1Alpha1;

/// <summary>The ModelPack that the model is stored as.</summary>
public sealed record ModelArtifact
{
    /// <summary>Digest of the OCI manifest, sha256:….</summary>
    public required string Digest { get; init; }

    /// <summary>OCI.</summary>
    [AllowedValues("OCI")]
    public string Kind { get; init; } = "OCI";

    /// <summary>Artifact type of the manifest.</summary>
    public required string MediaType { get; init; }

    /// <summary>Logical size of all files in bytes: what a workload sees.</summary>
    [Range(1, long.MaxValue)]
    public required long SizeBytes { get; init; }
}

/// <summary>What the source was resolved to. Frozen: retries and restarts use the same revision.</summary>
public sealed record ResolvedSource
{
    /// <summary>HuggingFace, Ollama, Upload or Catalog.</summary>
    [AllowedValues(SourceTypes.HuggingFace, SourceTypes.Ollama, SourceTypes.Upload, SourceTypes.Catalog)]
    public required string ResolvedType { get; init; }

    /// <summary>The commit, manifest digest or file digest that the source's name stood for.</summary>
    public string? ResolvedRevision { get; init; }

    /// <summary>The catalog entry, for imported models.</summary>
    public ResolvedCatalog? Catalog { get; init; }
}

/// <summary>The entry of another cluster's catalog that a model was imported from.</summary>
public sealed record ResolvedCatalog
{
    public string? SourceName { get; init; }
    public string? Name { get; init; }
    public string? Version { get; init; }
    public string? CatalogRevision { get; init; }
    public string? RemoteDigest { get; init; }
}

/// <summary>Values of <see cref="ResolvedSource.ResolvedType"/>.</summary>
public static class SourceTypes
{
    public const string HuggingFace = "HuggingFace";
    public const string Ollama = "Ollama";
    public const string Upload = "Upload";
    public const string Catalog = "Catalog";
}

/// <summary>Where an upload is awaited.</summary>
public sealed record UploadStatus
{
    /// <summary>A Secret with the keys url and token.</summary>
    public string? SecretName { get; init; }

    /// <summary>Its namespace: the model's own, or the module's for a ClusterModel.</summary>
    public string? SecretNamespace { get; init; }

    /// <summary>When the session ends if no more bytes arrive.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }
}
