using AiModels.NodeAgent.Authorization;
using AiModels.NodeAgent.Materialization;

namespace AiModels.NodeAgent.Cache;

/// <summary>One model in the cache. Everything but the progress is guarded by the cache's lock.</summary>
internal sealed class CacheEntry(AuthorizedModel model, DateTimeOffset lastUsed)
{
    public AuthorizedModel Model { get; } = model;

    public CacheEntryState State { get; set; } = CacheEntryState.Downloading;

    public DateTimeOffset LastUsed { get; set; } = lastUsed;

    /// <summary>Volume ids that have it mounted.</summary>
    public HashSet<string> Leases { get; } = [];

    /// <summary>Completes when the download has ended, well or not. Completed for a model that was there at start.</summary>
    public Task Download { get; set; } = Task.CompletedTask;

    public MaterializationProgress Progress { get; } = new();

    public string? LastError { get; set; }

    /// <summary>Failed downloads in a row.</summary>
    public int Failures { get; set; }

    /// <summary>Not before this time is a failed download tried again.</summary>
    public DateTimeOffset RetryAt { get; set; }

    /// <summary>What it takes of the cache, also while it is being fetched: room is promised before bytes move.</summary>
    public long Bytes => Model.SizeBytes;
}

/// <summary>States as Contracts/NodeCache spells them.</summary>
internal enum CacheEntryState
{
    Downloading,
    Ready,
    Failed,
}
