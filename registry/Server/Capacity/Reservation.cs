namespace AiModels.Registry.Capacity;

/// <summary>Room that is kept for what a repository will still need. Stored, so that a restart keeps the promise; gone when nothing renews it.</summary>
internal sealed record Reservation
{
    public required string Repository { get; init; }

    /// <summary>Who asked, and for which attempt: asking again with the same words and bytes renews, anything else replaces.</summary>
    public required string Holder { get; init; }

    /// <summary>Bytes that were asked for.</summary>
    public required long Bytes { get; init; }

    /// <summary>Bytes that the repository held of them when they were asked for: only what comes on top uses the reservation up.</summary>
    public required long BaselineBytes { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When the room is free again unless bytes arrive or the holder renews.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>How long it lives after its last sign of life.</summary>
    public required long LifetimeSeconds { get; init; }
}
