namespace AiModels.Registry.GarbageCollection;

/// <summary>Where garbage collection stands: the answer of <c>GET /collection</c>.</summary>
internal sealed record CollectionStatement
{
    public required CollectionStanding State { get; init; }

    /// <summary>Repositories to forget whose space is not free yet.</summary>
    public required IReadOnlyList<CleanupRequest> Cleanups { get; init; }

    /// <summary>The collection that runs, or was interrupted and goes on with the next run.</summary>
    public RunningCollection? Running { get; init; }

    /// <summary>The last one that ended.</summary>
    public CollectionState? Last { get; init; }
}

/// <summary>In one word.</summary>
internal enum CollectionStanding
{
    /// <summary>Nothing waits for its space.</summary>
    Done,

    /// <summary>There are requests that no collection has taken up yet.</summary>
    Queued,

    /// <summary>A collection has taken requests up; their blobs are still too young, condemned, or just being freed.</summary>
    Armed,

    /// <summary>A collection is running.</summary>
    Running,
}
