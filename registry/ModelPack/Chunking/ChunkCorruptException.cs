namespace AiModels.ModelPack.Chunking;

/// <summary>A stored chunk is not what the manifest says. Nothing of it may be used.</summary>
public sealed class ChunkCorruptException(ChunkEntry chunk, string problem, Exception? inner = null)
    : IOException($"Chunk {chunk.Index} (offset {chunk.Offset}, blob {chunk.StoredDigest}): {problem}.", inner)
{
    public ChunkEntry Chunk { get; } = chunk;
}
