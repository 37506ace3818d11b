namespace AiModels.ModelPack.Chunking;

/// <summary>The bytes of a chunk in pooled buffers.</summary>
internal sealed class LoadedChunk(ChunkEntry chunk) : IDisposable
{
    private readonly List<Segment> _segments = [];
    private readonly List<long> _offsets = [];

    public int Index => chunk.Index;

    public bool Covers(long position) => position >= chunk.Offset && position < chunk.End;

    /// <summary>Appends a piece; a <see cref="ChunkReceiver"/>.</summary>
    public ValueTask AddAsync(long offset, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        Segment segment = Segment.Rent();
        bytes.Span.CopyTo(segment.GetSpan());
        segment.Length = bytes.Length;
        _segments.Add(segment);
        _offsets.Add(offset);
        return ValueTask.CompletedTask;
    }

    /// <summary>Copies from a position of the file as much as one piece has and the buffer takes.</summary>
    public int CopyTo(long position, Span<byte> buffer)
    {
        int found = _offsets.BinarySearch(position);
        int index = found >= 0 ? found : ~found - 1;
        ReadOnlySpan<byte> bytes = _segments[index].ContentSpan[(int)(position - _offsets[index])..];
        int count = Math.Min(bytes.Length, buffer.Length);
        bytes[..count].CopyTo(buffer);
        return count;
    }

    public void Dispose()
    {
        foreach (Segment segment in _segments)
        {
            segment.Return();
        }

        _segments.Clear();
        _offsets.Clear();
    }
}
