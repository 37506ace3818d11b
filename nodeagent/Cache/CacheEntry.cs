using AiModels.NodeAgent.Authorization;
using AiModels.NodeAgent.Materialization;

namespace AiModels.NodeAgent.Cache;

/// <summary>One artifact in the cache. Everything but the progress is guarded by the cache's lock.</summary>
internal sealed class CacheEntry(AuthorizedModel model, DateTimeOffset lastUsed)
{
    /// <summary><see cref="VerifiedAt"/> of a model that shares files with a damaged one.</summary>
    public static readonly DateTimeOffset Suspect = DateTimeOffset.MinValue;

    /// <summary>The model that asked for it last: the one its bytes are fetched in the name of.</summary>
    public AuthorizedModel Model { get; set; } = model;

    /// <summary>All models of this digest that asked for it, as people read them.</summary>
    public SortedSet<string> Models { get; } = new([model.ToString()], StringComparer.Ordinal);

    public CacheEntryState State { get; set; } = CacheEntryState.Downloading;

    /// <summary>Its files, once they are all there.</summary>
    public IReadOnlyList<CachedFile>? Files { get; set; }

    public DateTimeOffset LastUsed { get; set; } = lastUsed;

    /// <summary>Volume ids that have it mounted.</summary>
    public HashSet<string> Leases { get; } = [];

    /// <summary>An administrator wants it here, used or not.</summary>
    public bool IsPinned { get; set; }

    /// <summary>Whether the index tells all of this; false when the disk did not take it.</summary>
    public bool IsNoted { get; set; } = true;

    /// <summary>Completes when the download has ended, well or not. Completed for a model that was there at start.</summary>
    public Task Download { get; set; } = Task.CompletedTask;

    /// <summary>Whether this process has begun to fetch it; false for a model that was there at start.</summary>
    public bool IsFetchedHere { get; set; }

    public MaterializationProgress Progress { get; } = new();

    public string? LastError { get; set; }

    /// <summary>Failed downloads in a row.</summary>
    public int Failures { get; set; }

    /// <summary>Not before this time is a failed download tried again.</summary>
    public DateTimeOffset RetryAt { get; set; }

    /// <summary>When its bytes were last compared with its digests: when it was fetched, or by the scrubber.</summary>
    public DateTimeOffset VerifiedAt { get; set; } = lastUsed;

    /// <summary>When the scrubber last began with it, whatever came of it: one that cannot be compared waits its turn like the others.</summary>
    public DateTimeOffset ScrubbedAt { get; set; }

    /// <summary>What it takes of the cache while it is not complete: room is promised before bytes move.</summary>
    public long PromisedBytes => Model.SizeBytes;

    /// <summary>Somebody mounts it, or it is on its way.</summary>
    public bool IsInUse => State == CacheEntryState.Downloading || Leases.Count > 0;

    public IndexRecord ToRecord() => new(Model, LastUsed) { Models = [.. Models], Files = Files, IsPinned = IsPinned, VerifiedAt = VerifiedAt };
}

/// <summary>States as Contracts/NodeCache spells them.</summary>
internal enum CacheEntryState
{
    Downloading,
    Ready,
    Failed,
}
