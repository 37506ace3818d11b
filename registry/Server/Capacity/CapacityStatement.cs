namespace AiModels.Registry.Capacity;

/// <summary>How full the registry is. Bytes.</summary>
internal sealed record CapacityStatement
{
    /// <summary>The limit, or null when only the medium limits.</summary>
    public long? LimitBytes { get; init; }

    /// <summary>Blobs, equal content once.</summary>
    public required long StoredBytes { get; init; }

    /// <summary>Parts of uploads that are not blobs yet.</summary>
    public required long StagedBytes { get; init; }

    /// <summary>Room of transfers that are under way.</summary>
    public required long MovingBytes { get; init; }

    /// <summary>Room that is promised to repositories and not used yet.</summary>
    public required long ReservedBytes { get; init; }

    /// <summary>What can still be asked for; null when neither limit nor medium tells.</summary>
    public long? FreeBytes { get; init; }

    public required int Reservations { get; init; }

    /// <summary>Whether bytes may be refused although the medium has room: there is a limit, or somebody has a quota.</summary>
    public required bool IsLimited { get; init; }

    /// <summary>Namespaces with a quota, by name; for those who may inspect.</summary>
    public required IReadOnlyList<NamespaceStatement> Namespaces { get; init; }
}

/// <summary>How full a namespace is. Every model counts in full here: what it shares with others is no discount that could end with them.</summary>
internal sealed record NamespaceStatement
{
    public required string Namespace { get; init; }

    public required long QuotaBytes { get; init; }

    public required long UsedBytes { get; init; }

    public required long ReservedBytes { get; init; }

    public required long FreeBytes { get; init; }
}
