using System.Buffers;
using AiModels.ModelPack.Compression;
using AiModels.ModelPack.Compression.Literals;

namespace AiModels.ModelPack.Chunking;

/// <summary>
/// Decides for each chunk whether it is stored raw or as zstd frames, and computes its digests. The outcome is a function of the chunk's
/// bytes alone. Thread-safe.
/// </summary>
public sealed class ChunkEncoder(IChunkCompressor compressor)
{
    internal IChunkCompressor Compressor { get; } = compressor;

    /// <summary>
    /// Encodes a chunk that is in memory. The bytes must stay unchanged until the result is disposed: a raw chunk is not copied.
    /// </summary>
    /// <param name="raw">The chunk's bytes.</param>
    /// <param name="allowCompression">False for a file of a single chunk: it is a plain ModelPack layer and always raw.</param>
    /// <param name="cancellationToken">Ends waiting.</param>
    public async Task<EncodedChunk> EncodeAsync(ReadOnlySequence<byte> raw, bool allowCompression = true, CancellationToken cancellationToken = default)
    {
        var encoding = new ChunkEncodingRun(this, allowCompression);
        try
        {
            foreach (ReadOnlySequence<byte> piece in Pieces(raw))
            {
                cancellationToken.ThrowIfCancellationRequested();
                Segment segment = Segment.Rent();
                piece.CopyTo(segment.GetSpan());
                segment.Length = (int)piece.Length;
                encoding.Add(segment);
            }

            return await encoding.FinishAsync(keepRaw: !allowCompression);
        }
        catch
        {
            await encoding.DisposeAsync();
            throw;
        }
    }

    /// <summary>Compresses one frame when a sample says that it pays; null when it is better left alone.</summary>
    internal Segment? TryCompress(ReadOnlySpan<byte> raw)
    {
        FrameSample sample = FrameSample.Of(raw, Compressor);
        if (!sample.IsWorthTrying)
        {
            return null;
        }

        Segment frame = Segment.Rent();
        try
        {
            frame.Length = sample.HasOnlyLiterals ? LiteralFrameEncoder.TryEncode(raw, sample.Counts, frame.GetSpan()) : 0;
            frame.Length = frame.Length > 0 ? frame.Length : Compressor.Compress(raw, frame.GetSpan());
            return frame;
        }
        catch
        {
            frame.Return();
            throw;
        }
    }

    /// <summary>Compresses one frame whatever comes out.</summary>
    internal Segment Compress(ReadOnlySpan<byte> raw)
    {
        Segment frame = Segment.Rent();
        try
        {
            frame.Length = Compressor.Compress(raw, frame.GetSpan());
            return frame;
        }
        catch
        {
            frame.Return();
            throw;
        }
    }

    private static IEnumerable<ReadOnlySequence<byte>> Pieces(ReadOnlySequence<byte> raw)
    {
        while (raw.Length > Segment.Size)
        {
            yield return raw.Slice(0, Segment.Size);
            raw = raw.Slice(Segment.Size);
        }

        if (!raw.IsEmpty)
        {
            yield return raw;
        }
    }
}
