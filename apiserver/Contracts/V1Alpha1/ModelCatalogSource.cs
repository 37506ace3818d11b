using System.ComponentModel.DataAnnotations;

namespace AiModels.Contracts.V1Alpha1;

/// <summary>ModelCatalogSource names another cluster's public catalog, from which models can be imported.</summary>
public sealed record ModelCatalogSource
{
    public string ApiVersion { get; init; } = GroupVersion.ApiVersion;
    public string Kind { get; init; } = GroupVersion.ModelCatalogSourceKind;
    public ObjectMeta Metadata { get; init; } = new();

    /// <summary>Where the catalog is and how to read it. May change.</summary>
    public required ModelCatalogSourceSpec Spec { get; init; }

    /// <summary>When it was last read and how that went. The inventory itself is under /catalog.</summary>
    public ModelCatalogSourceStatus? Status { get; init; }
}

/// <summary>Where a catalog is and how to read it.</summary>
public sealed record ModelCatalogSourceSpec
{
    /// <summary>Base URL of the catalog.</summary>
    [MinLength(9)]
    [RegularExpression(@"^https:\/\/[^:\/?#@]+(:[0-9]+)?(\/[^?#]*)?$")]
    public required string Url { get; init; }

    /// <summary>A Secret of the namespace d8-system with the reader's token.</summary>
    [StringLength(253, MinimumLength = 1)]
    [RegularExpression(CatalogSource.DnsSubdomainPattern)]
    public required string CredentialsSecretName { get; init; }

    /// <summary>A Secret of the namespace d8-system with ca.crt, for a private certificate authority.</summary>
    [StringLength(253, MinimumLength = 1)]
    [RegularExpression(CatalogSource.DnsSubdomainPattern)]
    public string? CaSecretName { get; init; }

    /// <summary>How often the catalog is read, as a Go duration ("10m"). Default 10m.</summary>
    [RegularExpression(@"^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$")]
    public string? RefreshInterval { get; init; }
}

/// <summary>When a catalog was last read and how that went.</summary>
public sealed record ModelCatalogSourceStatus
{
    /// <summary>Revision of the catalog as last read.</summary>
    public string? CatalogRevision { get; init; }

    /// <summary>How many entries it had.</summary>
    [Range(0, long.MaxValue)]
    public long? EntryCount { get; init; }

    /// <summary>When it was last read with success.</summary>
    public DateTimeOffset? LastSuccessfulRefreshTime { get; init; }

    /// <summary>The state in aspects; Ready is the one to look at.</summary>
    [ListMap("type")]
    public IReadOnlyList<Condition>? Conditions { get; init; }

    /// <summary>The metadata.generation this status was made for.</summary>
    public long? ObservedGeneration { get; init; }
}
