namespace AiModels.Registry.Integrity;

/// <summary>How far the scrubber is. Stored, so that a restart goes on where it was.</summary>
internal sealed record ScrubState
{
    /// <summary>The last blob that was read in this pass; null between passes.</summary>
    public string? Cursor { get; init; }

    public required DateTimeOffset PassStartedAt { get; init; }

    /// <summary>When a pass last came to its end; null before the first.</summary>
    public DateTimeOffset? LastPassFinishedAt { get; init; }

    /// <summary>Of this pass, or of the last one between passes.</summary>
    public long CheckedBlobs { get; init; }

    public long CheckedBytes { get; init; }

    /// <summary>Blobs that were put into quarantine, since the beginning of time.</summary>
    public long RottenBlobs { get; init; }
}
