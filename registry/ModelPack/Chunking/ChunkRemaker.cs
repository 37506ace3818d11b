using System.Buffers;

namespace AiModels.ModelPack.Chunking;

/// <summary>
/// Makes chunks that the registry has lost again, from the bytes of their files: those of the source, or those that somebody was delivered. Stores exactly what was lost, or nothing. Thread-safe.
/// </summary>
public sealed class ChunkRemaker(ChunkEncoder encoder)
{
    /// <summary>Which parts of which files lie under these digests. A chunk that several files have in common is named once.</summary>
    public static IReadOnlyList<(string Path, ChunkEntry Chunk)> Find(ModelPackReader model, IReadOnlySet<string> storedDigests) =>
    [
        .. model.Files
            .SelectMany(file => file.Chunks.Select(chunk => (file.Path, Chunk: chunk)))
            .Where(part => storedDigests.Contains(part.Chunk.StoredDigest.ToString()))
            .DistinctBy(part => part.Chunk.StoredDigest),
    ];

    /// <summary>Reads the chunk's bytes, encodes them as they were, and stores them.</summary>
    /// <param name="path">The file's, for errors.</param>
    /// <param name="chunk">What was lost.</param>
    /// <param name="source">The file from <see cref="ChunkEntry.Offset"/> on.</param>
    /// <param name="sink">Where it goes.</param>
    /// <param name="cancellationToken">Ends reading and storing.</param>
    /// <exception cref="ChunkDiffersException">The bytes, or how they are packed now, are not what was lost; nothing was stored.</exception>
    /// <exception cref="EndOfStreamException">The file is shorter than it was.</exception>
    public async Task RemakeAsync(string path, ChunkEntry chunk, Stream source, IBlobSink sink, CancellationToken cancellationToken)
    {
        byte[] raw = ArrayPool<byte>.Shared.Rent((int)chunk.Length);
        try
        {
            await source.ReadExactlyAsync(raw.AsMemory(0, (int)chunk.Length), cancellationToken);
            using EncodedChunk encoded = await encoder.EncodeAsync(
                new ReadOnlySequence<byte>(raw, 0, (int)chunk.Length), allowCompression: chunk.Encoding == ChunkEncoding.Zstd, cancellationToken);
            if (encoded.LogicalDigest != chunk.LogicalDigest)
            {
                throw new ChunkDiffersException($"bytes {chunk.Offset} to {chunk.End - 1} of {path} have digest {encoded.LogicalDigest}, not {chunk.LogicalDigest}", isPackedOtherwise: false);
            }

            if (encoded.StoredDigest != chunk.StoredDigest)
            {
                throw new ChunkDiffersException($"{path} was packed by another version of this program, which this one cannot repeat", isPackedOtherwise: true);
            }

            await sink.PutAsync(chunk.StoredDigest, encoded.Content, cancellationToken);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(raw);
        }
    }
}

/// <summary>What was read is not what was lost.</summary>
/// <param name="message">What differs; no full stop.</param>
/// <param name="isPackedOtherwise">The file's bytes are right, and this program would store them otherwise: trying again is no use.</param>
public sealed class ChunkDiffersException(string message, bool isPackedOtherwise) : IOException(message)
{
    public bool IsPackedOtherwise => isPackedOtherwise;
}
