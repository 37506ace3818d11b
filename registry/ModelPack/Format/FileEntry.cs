using AiModels.ModelPack.Chunking;

namespace AiModels.ModelPack.Format;

/// <summary>A file of a model and where its bytes lie. The chunks cover it without gap or overlap, in order; an empty file has one empty chunk.</summary>
public sealed record FileEntry
{
    /// <summary>Path inside the model, see <see cref="ModelPath"/>.</summary>
    public required string Path { get; init; }

    public required IReadOnlyList<ChunkEntry> Chunks { get; init; }

    /// <summary>Told from the name.</summary>
    public FileKind Kind => FileKinds.Of(Path);

    /// <summary>Bytes of the file.</summary>
    public long Length => Chunks.Count == 0 ? 0 : Chunks[^1].End;

    /// <summary>Bytes its chunks take in the registry.</summary>
    public long StoredLength => Chunks.Sum(chunk => chunk.StoredLength);

    /// <summary>Null when the chunks cover the file, else what is wrong.</summary>
    internal string? Problem()
    {
        long offset = 0;
        for (int i = 0; i < Chunks.Count; i++)
        {
            ChunkEntry chunk = Chunks[i];
            if (chunk.Index != i || chunk.Offset != offset)
            {
                return $"file '{Path}': chunk {i} begins at {chunk.Offset}, want {offset}";
            }

            if (chunk.Length > ChunkSize.Largest || (chunk.Length == 0 && Chunks.Count > 1))
            {
                return $"file '{Path}': chunk {i} has {chunk.Length} bytes, want 1 to {ChunkSize.Largest}";
            }

            if (chunk.Encoding == ChunkEncoding.Raw && (chunk.StoredLength != chunk.Length || chunk.StoredDigest != chunk.LogicalDigest))
            {
                return $"file '{Path}': chunk {i} is raw, but length or digest differ from what is stored";
            }

            offset = chunk.End;
        }

        return Chunks.Count == 0 ? $"file '{Path}' has no chunks" : null;
    }
}
