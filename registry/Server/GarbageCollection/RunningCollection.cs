namespace AiModels.Registry.GarbageCollection;

/// <summary>How far a collection is. Stored now and then, so that one that was interrupted goes on where it was instead of beginning with its deletions anew.</summary>
internal sealed record RunningCollection
{
    public required DateTimeOffset StartedAt { get; init; }

    public required CollectionPhase Phase { get; init; }

    /// <summary>The last blob that was looked at.</summary>
    public string? Cursor { get; init; }

    /// <summary>How often it was interrupted.</summary>
    public int Interruptions { get; init; }

    /// <summary>What it did so far.</summary>
    public required SweepResult Done { get; init; }
}

/// <summary>What a collection is at.</summary>
internal enum CollectionPhase
{
    /// <summary>Repositories are read, and what nothing holds in them is dropped.</summary>
    Marking,

    /// <summary>Blobs that no repository holds are freed.</summary>
    Sweeping,
}
