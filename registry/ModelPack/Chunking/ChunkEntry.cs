using AiModels.ModelPack.Oci;

namespace AiModels.ModelPack.Chunking;

/// <summary>How the bytes of a chunk are stored.</summary>
public enum ChunkEncoding
{
    /// <summary>As they are.</summary>
    Raw,

    /// <summary>Concatenated zstd frames of at most 2 MiB content each.</summary>
    Zstd,
}

/// <summary>A stored part of a file: which bytes of the file it is, and under which digest it lies in the registry.</summary>
public sealed record ChunkEntry
{
    /// <summary>Position among the file's chunks, from 0.</summary>
    public required int Index { get; init; }

    /// <summary>Offset of its first byte in the file.</summary>
    public required long Offset { get; init; }

    /// <summary>Bytes of the file in it.</summary>
    public required long Length { get; init; }

    /// <summary>Digest of the file's bytes.</summary>
    public required Digest LogicalDigest { get; init; }

    /// <summary>Digest of what is stored; the blob's name.</summary>
    public required Digest StoredDigest { get; init; }

    /// <summary>Bytes stored.</summary>
    public required long StoredLength { get; init; }

    public required ChunkEncoding Encoding { get; init; }

    /// <summary>Offset of the byte after the last.</summary>
    public long End => Offset + Length;
}
