using System.Buffers;
using AiModels.ModelPack.Oci;

namespace AiModels.ModelPack.Chunking;

/// <summary>A chunk ready to be stored. Holds pooled buffers until it is disposed.</summary>
public sealed class EncodedChunk : IDisposable
{
    private readonly IReadOnlyList<Segment> _segments;
    private int _disposed;

    internal EncodedChunk(ChunkEncoding encoding, IReadOnlyList<Segment> segments, long length, Digest logical, Digest stored)
    {
        Encoding = encoding;
        Length = length;
        LogicalDigest = logical;
        StoredDigest = stored;
        _segments = segments;
        Content = SegmentSequence.Of(segments.Select(segment => segment.Content));
    }

    public ChunkEncoding Encoding { get; }

    /// <summary>Bytes before encoding.</summary>
    public long Length { get; }

    public Digest LogicalDigest { get; }

    public Digest StoredDigest { get; }

    /// <summary>What is to be stored.</summary>
    public ReadOnlySequence<byte> Content { get; }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            foreach (Segment segment in _segments)
            {
                segment.Return();
            }
        }
    }
}
