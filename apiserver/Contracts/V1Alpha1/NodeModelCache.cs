using System.ComponentModel.DataAnnotations;

namespace AiModels.Contracts.V1Alpha1;

/// <summary>NodeModelCache tells what the cache of one node holds. It has the node's name, and the node's agent writes it: there is nothing to ask for in it.</summary>
public sealed record NodeModelCache
{
    public string ApiVersion { get; init; } = GroupVersion.ApiVersion;
    public string Kind { get; init; } = GroupVersion.NodeModelCacheKind;
    public ObjectMeta Metadata { get; init; } = new();

    /// <summary>What is. Written by the node's agent, at most every ten seconds.</summary>
    public NodeModelCacheStatus? Status { get; init; }
}

/// <summary>What the cache of a node holds.</summary>
public sealed record NodeModelCacheStatus
{
    /// <summary>The most that the cache may hold, in bytes.</summary>
    [Range(0, long.MaxValue)]
    public long CapacityBytes { get; init; }

    /// <summary>What it holds, in bytes: files that models share are counted once, what is being fetched is counted whole.</summary>
    [Range(0, long.MaxValue)]
    public long UsedBytes { get; init; }

    /// <summary>Of these, what stays whether it is used or not.</summary>
    [Range(0, long.MaxValue)]
    public long PinnedBytes { get; init; }

    /// <summary>How many artifacts it holds, those that are not listed included.</summary>
    [Range(0, int.MaxValue)]
    public int ArtifactCount { get; init; }

    /// <summary>How many of them are mounted by a Pod.</summary>
    [Range(0, int.MaxValue)]
    public int MountedCount { get; init; }

    /// <summary>How many are being fetched.</summary>
    [Range(0, int.MaxValue)]
    public int FetchingCount { get; init; }

    /// <summary>The artifacts, last used first; at most 500 of them.</summary>
    [ListMap("digest")]
    public IReadOnlyList<NodeArtifact>? Artifacts { get; init; }

    /// <summary>What went wrong last, newest first; at most ten.</summary>
    public IReadOnlyList<NodeCacheFailure>? LastErrors { get; init; }

    /// <summary>When this was true.</summary>
    public DateTimeOffset? UpdatedTime { get; init; }
}

/// <summary>One artifact in a node's cache.</summary>
public sealed record NodeArtifact
{
    /// <summary>Its digest, as in the status of the models.</summary>
    public required string Digest { get; init; }

    /// <summary>The models of this digest that asked for it: "Model team-a/bge-m3", "ClusterModel shared".</summary>
    public IReadOnlyList<string>? Models { get; init; }

    /// <summary>Downloading, Ready or Failed.</summary>
    [AllowedValues("Downloading", "Ready", "Failed")]
    public required string State { get; init; }

    /// <summary>Bytes of all its files.</summary>
    [Range(0, long.MaxValue)]
    public long SizeBytes { get; init; }

    /// <summary>How many of them are on the node.</summary>
    [Range(0, long.MaxValue)]
    public long PresentBytes { get; init; }

    /// <summary>The same in percent.</summary>
    public string? Progress { get; init; }

    /// <summary>How many volumes of Pods have it mounted.</summary>
    [Range(0, int.MaxValue)]
    public int Mounts { get; init; }

    /// <summary>Whether it stays, used or not.</summary>
    public bool? Pinned { get; init; }

    /// <summary>When a Pod last took it or gave it back.</summary>
    public DateTimeOffset? LastUsed { get; init; }

    /// <summary>Why the last try to fetch it failed.</summary>
    public string? LastError { get; init; }
}

/// <summary>Something that went wrong in a node's cache.</summary>
public sealed record NodeCacheFailure
{
    /// <summary>When.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>With which artifact.</summary>
    public required string Digest { get; init; }

    /// <summary>In words.</summary>
    public required string Message { get; init; }
}
