namespace AiModels.ModelPack.Compression;

/// <summary>
/// One-shot compression of frames. Implementations are thread-safe, keep no state between calls and give equal output for equal input.
/// The seam for another implementation of zstd.
/// </summary>
public interface IChunkCompressor
{
    /// <summary>Room that <see cref="Compress"/> needs for the worst input of this length.</summary>
    int MaxCompressedLength(int rawLength);

    /// <summary>Writes one frame that declares its content size. Returns the length of the frame.</summary>
    int Compress(ReadOnlySpan<byte> raw, Span<byte> frame);

    /// <summary>
    /// Expands exactly one frame into <paramref name="raw"/> and never writes past it, whatever the frame claims.
    /// Returns the length of the content. Throws <see cref="InvalidDataException"/> when the frame is damaged or too large for the room.
    /// </summary>
    int Decompress(ReadOnlySpan<byte> frame, Span<byte> raw);
}
