using System.ComponentModel.DataAnnotations;

namespace AiModels.Contracts.V1Alpha1;

/// <summary>
/// RegistryGrant is a short-lived token for the one registry repository that a model's bytes live in: create it on the subresource /grant.
/// Creating asks for the RBAC verb create on models/grant; a grant that may push asks for update on it as well.
/// </summary>
public sealed record RegistryGrant
{
    public string ApiVersion { get; init; } = GroupVersion.ApiVersion;
    public string Kind { get; init; } = "RegistryGrant";
    public ObjectMeta Metadata { get; init; } = new();

    /// <summary>What is asked for.</summary>
    public RegistryGrantSpec? Spec { get; init; }

    /// <summary>What was granted.</summary>
    public RegistryGrantStatus? Status { get; init; }
}

/// <summary>What is asked for.</summary>
public sealed record RegistryGrantSpec
{
    /// <summary>pull, push, delete. Default pull.</summary>
    [AllowedItems("pull", "push", "delete")]
    public IReadOnlyList<string>? Actions { get; init; }

    /// <summary>Who will use it, for byte accounting: job/NAMESPACE/NAME or node/NAME. Default: the name of the caller.</summary>
    [StringLength(512, MinimumLength = 1)]
    public string? Consumer { get; init; }

    /// <summary>Life in seconds. Default 3600; the answer may be shorter.</summary>
    [Range(60, 86400)]
    public long? ExpirationSeconds { get; init; }
}

/// <summary>What was granted.</summary>
public sealed record RegistryGrantStatus
{
    /// <summary>Base URL of the registry.</summary>
    public required string Registry { get; init; }

    /// <summary>The repository the grant is for.</summary>
    public required string Repository { get; init; }

    /// <summary>Digest of the model's artifact, when it is Ready.</summary>
    public string? Digest { get; init; }

    /// <summary>Bearer token.</summary>
    public required string Token { get; init; }

    /// <summary>When it ends.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }
}
