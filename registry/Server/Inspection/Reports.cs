using AiModels.Registry.Capacity;
using AiModels.Registry.GarbageCollection;

namespace AiModels.Registry.Inspection;

/// <summary>Which repository keeps how many bytes. Bytes everywhere.</summary>
internal sealed record UsageReport
{
    public required IReadOnlyList<RepositoryUsage> Repositories { get; init; }

    /// <summary>Files of all models, before compression.</summary>
    public required long LogicalBytes { get; init; }

    /// <summary>Blobs, each once.</summary>
    public required long StoredBytes { get; init; }

    /// <summary>Blobs that no repository holds: what collections will free.</summary>
    public required long UnheldBytes { get; init; }

    public required CapacityStatement Capacity { get; init; }
}

/// <summary>What one repository keeps.</summary>
internal sealed record RepositoryUsage
{
    public required string Repository { get; init; }

    /// <summary>The model it belongs to, or null when nobody has said.</summary>
    public RepositoryOwner? Owner { get; init; }

    /// <summary>Its files, before compression.</summary>
    public required long LogicalBytes { get; init; }

    /// <summary>Its blobs and manifests, each once.</summary>
    public required long StoredBytes { get; init; }

    /// <summary>Of them, what other repositories hold as well.</summary>
    public required long SharedBytes { get; init; }

    /// <summary>Of them, what would be free without this repository.</summary>
    public required long ExclusiveBytes { get; init; }

    /// <summary>Of them, what waits for a manifest.</summary>
    public required long UnsealedBytes { get; init; }

    /// <summary>Room that is kept for it.</summary>
    public required long ReservedBytes { get; init; }

    public required int Manifests { get; init; }

    public required int Blobs { get; init; }
}

/// <summary>What keeps a digest, and where it lies.</summary>
internal sealed record DigestReport
{
    public required string Digest { get; init; }

    /// <summary>Path in the folder or bucket; null when its bytes are not stored.</summary>
    public string? Path { get; init; }

    public long? Bytes { get; init; }

    public DateTimeOffset? Modified { get; init; }

    /// <summary>Since when collectors mark it as held by nobody; null when they do not.</summary>
    public DateTimeOffset? CondemnedSince { get; init; }

    /// <summary>Since when it lies in quarantine because its bytes are not what the digest says; null when it does not.</summary>
    public DateTimeOffset? QuarantinedSince { get; init; }

    public required IReadOnlyList<DigestHolder> Holders { get; init; }

    /// <summary>All of it in one sentence.</summary>
    public required string Summary { get; init; }
}

/// <summary>A repository that holds a digest.</summary>
internal sealed record DigestHolder
{
    public required string Repository { get; init; }

    public RepositoryOwner? Owner { get; init; }

    /// <summary>manifest or blob.</summary>
    public required string As { get; init; }

    public required HoldReason Reason { get; init; }

    /// <summary>Tags of the manifest, where the digest is one.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>Manifests that name the blob, and at which place.</summary>
    public IReadOnlyList<string> NamedBy { get; init; } = [];
}

/// <summary>What a collection would do now.</summary>
internal sealed record CollectionPlan
{
    public required IReadOnlyList<PlannedItem> Goes { get; init; }

    public required long FreedBytes { get; init; }

    /// <summary>What stays, by reason.</summary>
    public required IReadOnlyList<KeptSummary> Stays { get; init; }

    /// <summary>Whether there were more items than are listed.</summary>
    public bool IsShortened { get; init; }
}

/// <summary>Something that would go.</summary>
/// <param name="What">blob, link, manifest or upload.</param>
/// <param name="Repository">Where; null for blobs, which belong to nobody.</param>
/// <param name="Name">Digest or id.</param>
/// <param name="Why">In words.</param>
internal sealed record PlannedItem(string What, string? Repository, string Name, long Bytes, string Why);

/// <summary>Things that stay for the same reason.</summary>
internal sealed record KeptSummary(string Why, long Count, long Bytes);
