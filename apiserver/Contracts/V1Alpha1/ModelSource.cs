using System.ComponentModel.DataAnnotations;

namespace AiModels.Contracts.V1Alpha1;

/// <summary>Where the files of a model come from: exactly one of url, upload and catalog.</summary>
public record ClusterModelSource
{
    /// <summary>
    /// A model page of Hugging Face (https://huggingface.co/BAAI/bge-m3, with /tree/REVISION or ?revision= for a revision)
    /// or of the Ollama library (https://ollama.com/library/NAME:TAG).
    /// </summary>
    [MinLength(1)]
    [RegularExpression(UrlPattern)]
    public string? Url { get; init; }

    /// <summary>The files are uploaded by hand: read url and token from the Secret that status.upload names, then curl -T FILE URL.</summary>
    public UploadSource? Upload { get; init; }

    /// <summary>The model is imported from another cluster's catalog.</summary>
    public CatalogSource? Catalog { get; init; }

    /// <summary>Which URLs are accepted (requirement A1).</summary>
    public const string UrlPattern =
        @"^https:\/\/(((www\.)?huggingface\.co|hf\.co)\/.+|(www\.)?ollama\.com\/library\/[^:\/?#]+(:[^\/?#]+)?([\/?#].*)?)$";
}

/// <summary>The source of a namespaced model, which may name a Secret for private Hugging Face repositories.</summary>
public sealed record ModelSource : ClusterModelSource
{
    /// <summary>A Secret of the same namespace with the Hugging Face token under the key token, HF_TOKEN or HUGGING_FACE_HUB_TOKEN.</summary>
    public SecretReference? AuthSecretRef { get; init; }
}

/// <summary>An empty object: choosing it is all there is to say.</summary>
public sealed record UploadSource;

/// <summary>A model in another cluster's public catalog.</summary>
public sealed record CatalogSource
{
    /// <summary>Name of the catalog entry.</summary>
    [StringLength(253, MinimumLength = 1)]
    [RegularExpression(DnsSubdomainPattern)]
    public required string Name { get; init; }

    /// <summary>Name of the ModelCatalogSource. May be left out when exactly one is Ready.</summary>
    [StringLength(253, MinimumLength = 1)]
    [RegularExpression(DnsSubdomainPattern)]
    public string? SourceName { get; init; }

    /// <summary>Which of several active versions of the entry.</summary>
    [StringLength(128, MinimumLength = 1)]
    public string? Version { get; init; }

    /// <summary>RFC 1123 subdomain, as Kubernetes names are.</summary>
    public const string DnsSubdomainPattern = @"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
}

/// <summary>A Secret of the object's own namespace.</summary>
public sealed record SecretReference
{
    /// <summary>Name of the Secret.</summary>
    [MinLength(1)]
    public required string Name { get; init; }
}
