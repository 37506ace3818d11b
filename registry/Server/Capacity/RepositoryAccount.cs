namespace AiModels.Registry.Capacity;

/// <summary>What the ledger knows of one repository. Guarded by the ledger's lock.</summary>
internal sealed class RepositoryAccount
{
    /// <summary>Whose models are in it; null where nobody said.</summary>
    public string? Namespace { get; set; }

    /// <summary>Bytes of the blobs that the repository holds, shared ones in full. Kept only where a quota or a reservation asks for it.</summary>
    public long Content { get; set; }

    public Reservation? Reservation { get; set; }

    /// <summary>When the reservation lapses; later than the stored one while bytes arrive.</summary>
    public DateTimeOffset ExpiresAt { get; set; }

    /// <summary>Bytes that arrived since the reservation was made.</summary>
    public long Used { get; set; }

    /// <summary>Bytes on their way, within the reservation.</summary>
    public long Within { get; set; }

    /// <summary>Bytes on their way, all of them.</summary>
    public long Held { get; set; }

    /// <summary>Room that is promised and not used yet.</summary>
    public long Outstanding(DateTimeOffset now) =>
        Reservation is null || (ExpiresAt <= now && Held == 0) ? 0 : Math.Max(0, Reservation.Bytes - Used - Within);
}
