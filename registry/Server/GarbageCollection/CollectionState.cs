namespace AiModels.Registry.GarbageCollection;

/// <summary>What the last garbage collection saw and did. Stored, so that a restart still shows it.</summary>
internal sealed record CollectionState
{
    public required DateTimeOffset StartedAt { get; init; }

    public required DateTimeOffset FinishedAt { get; init; }

    /// <summary>Blobs that remain, and their bytes, each counted once.</summary>
    public long StoredBlobs { get; init; }

    public long StoredBytes { get; init; }

    /// <summary>Bytes of blobs counted for every repository that holds them: what it would take without sharing.</summary>
    public long ReferencedBytes { get; init; }

    public int Repositories { get; init; }

    public int Manifests { get; init; }

    public long FreedBlobs { get; init; }

    public long FreedBytes { get; init; }

    /// <summary>Manifests that were dropped because neither tag nor index nor subject held them.</summary>
    public long DroppedManifests { get; init; }

    /// <summary>Links that were dropped because no manifest names the blob any more, or none came for long.</summary>
    public long DroppedLinks { get; init; }

    /// <summary>Blobs nobody holds that are too young to go.</summary>
    public long YoungBlobs { get; init; }

    public long YoungBytes { get; init; }

    /// <summary>Digests that wait, marked, until no process can still be about to refer to them.</summary>
    public int CondemnedDigests { get; init; }

    /// <summary>How often this collection was interrupted and went on.</summary>
    public int Interruptions { get; init; }

    /// <summary>Cleanup requests whose space is still to be freed.</summary>
    public int QueuedCleanups { get; init; }

    /// <summary>Why it did not come to its end, or null.</summary>
    public string? Error { get; init; }
}
