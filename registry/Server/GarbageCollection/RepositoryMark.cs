using AiModels.ModelPack.Oci;
using AiModels.Registry.Storage;

namespace AiModels.Registry.GarbageCollection;

/// <summary>What a mark found in one repository: what is in use there, why, and what nothing holds any more.</summary>
internal sealed class RepositoryMark(string repository)
{
    public string Repository { get; } = repository;

    /// <summary>Every manifest of the repository. One that cannot be read names nothing.</summary>
    public Dictionary<Digest, MarkedManifest> Manifests { get; } = [];

    /// <summary>False when a manifest cannot be read: then everything the repository holds is kept.</summary>
    public bool IsReadable { get; set; } = true;

    /// <summary>When something was last written into it.</summary>
    public DateTimeOffset LastActive { get; set; }

    /// <summary>Blobs that are in use, and what for.</summary>
    public Dictionary<Digest, HoldReason> Blobs { get; } = [];

    /// <summary>Manifests that nothing holds, with the blobs that only they name.</summary>
    public List<(Digest Manifest, IReadOnlyList<Digest> Blobs)> StaleManifests { get; } = [];

    /// <summary>Blobs that no manifest names, in a repository at rest.</summary>
    public List<Digest> StaleBlobs { get; } = [];

    /// <summary>Nothing is left but a note of whose the repository was, and that is old.</summary>
    public bool IsOnlyANote { get; set; }

    /// <summary>All digests that must stay.</summary>
    public IEnumerable<Digest> Held => Blobs.Keys.Concat(Manifests.Where(pair => pair.Value.Reason != HoldReason.None).Select(pair => pair.Key));
}

/// <summary>A manifest as a mark sees it.</summary>
internal sealed record MarkedManifest
{
    public required DateTimeOffset Modified { get; init; }

    public Digest Subject { get; init; }

    public IReadOnlyList<ContentReference> Blobs { get; init; } = [];

    public IReadOnlyList<ContentReference> Children { get; init; } = [];

    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>What keeps it; None when nothing does.</summary>
    public HoldReason Reason { get; set; }
}

/// <summary>Why something stays.</summary>
internal enum HoldReason
{
    /// <summary>Nothing holds it.</summary>
    None,

    /// <summary>A tag names the manifest.</summary>
    Tagged,

    /// <summary>It has no tag yet, and is too young to be given up.</summary>
    Young,

    /// <summary>An index that stays names it.</summary>
    InIndex,

    /// <summary>Its subject stays.</summary>
    RefersToSubject,

    /// <summary>A manifest that stays names the blob.</summary>
    InManifest,

    /// <summary>The blob waits for its manifest, in a repository where something happened lately.</summary>
    Unsealed,

    /// <summary>A manifest of the repository cannot be read, and may name anything.</summary>
    Unreadable,
}
