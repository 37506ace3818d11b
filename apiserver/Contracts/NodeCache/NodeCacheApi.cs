namespace AiModels.Contracts.NodeCache;

/// <summary>
/// What the CSI driver and the node agent say to each other over the agent's unix socket: JSON over HTTP.
/// POST /v1/mounts asks for a model's folder for one mount, DELETE /v1/mounts/{volumeId} gives it back, GET /v1/status tells the cache's content.
/// </summary>
public static class NodeCacheApi
{
    public const string MountsPath = "/v1/mounts";
    public const string StatusPath = "/v1/status";
}

/// <summary>
/// Asks for the folder of a model on behalf of one Pod's volume. The agent decides from live state whether the Pod may have it:
/// the Pod must exist with this UID on this node and the model must be Ready with this digest and usable from the Pod's namespace.
/// </summary>
public sealed record EnsureModelRequest
{
    /// <summary>CSI volume id: the key of the lease that protects the model from eviction.</summary>
    public required string VolumeId { get; init; }

    public required string PodNamespace { get; init; }
    public required string PodName { get; init; }
    public required string PodUid { get; init; }

    /// <summary>Model or ClusterModel.</summary>
    public required string ModelKind { get; init; }

    public required string ModelName { get; init; }

    /// <summary>Digest of the artifact that the controller resolved.</summary>
    public required string Digest { get; init; }
}

/// <summary>200: the model is complete and verified. 202: it is being fetched; ask again.</summary>
public sealed record EnsureModelResponse
{
    /// <summary>The folder to bind-mount read-only. Set with 200 only.</summary>
    public string? Path { get; init; }

    public long BytesExpected { get; init; }
    public long BytesDownloaded { get; init; }
}

/// <summary>Gives the lease of a volume back. Unknown ids are a success.</summary>
public sealed record ReleaseModelRequest
{
    public required string VolumeId { get; init; }
}

/// <summary>Body of every answer that is not 2xx. Code is a gRPC code's name (PermissionDenied, NotFound, ResourceExhausted, Unavailable …).</summary>
public sealed record NodeCacheError
{
    public required string Code { get; init; }
    public required string Message { get; init; }
}

/// <summary>Content of a node's cache.</summary>
public sealed record NodeCacheStatus
{
    public long CapacityBytes { get; init; }
    public long UsedBytes { get; init; }

    /// <summary>Of the used bytes, what stays whether it is used or not.</summary>
    public long PinnedBytes { get; init; }

    public IReadOnlyList<CachedModel> Models { get; init; } = [];

    /// <summary>What went wrong last, newest first; a few of them.</summary>
    public IReadOnlyList<CacheFailure> LastErrors { get; init; } = [];
}

/// <summary>Something that went wrong with an artifact.</summary>
public sealed record CacheFailure(DateTimeOffset Time, string Digest, string Message);

/// <summary>One model in a node's cache.</summary>
public sealed record CachedModel
{
    public required string Digest { get; init; }

    /// <summary>The models that asked for it: "Model team-a/bge-m3", "ClusterModel shared".</summary>
    public IReadOnlyList<string> Models { get; init; } = [];

    /// <summary>Downloading, Ready or Failed.</summary>
    public required string State { get; init; }

    public long BytesExpected { get; init; }
    public long BytesDownloaded { get; init; }

    /// <summary>How many volumes have it mounted.</summary>
    public int Mounts { get; init; }

    public bool IsPinned { get; init; }


    public DateTimeOffset? LastUsed { get; init; }
    public string? LastError { get; init; }
}
