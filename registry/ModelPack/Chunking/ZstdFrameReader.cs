using AiModels.ModelPack.Compression;

namespace AiModels.ModelPack.Chunking;

/// <summary>Cuts the frames out of a zstd chunk while it arrives. Holds one buffer, larger than any frame of ours.</summary>
internal sealed class ZstdFrameReader(ChunkEntry chunk, Stream stored) : IDisposable
{
    private const int BlockHeaderLength = 3;

    // RFC 8878: 4 bytes of xxHash64 after the last block.
    private const int ChecksumLength = 4;

    private readonly Segment _buffer = Segment.Rent();
    private long _unread = chunk.StoredLength;
    private int _filled;
    private int _frameLength;

    // Reading further than a frame means moving the rest to the front afterwards. The frames of a chunk are about equally long, so the last one tells how far to read.
    private int _likelyLength = Segment.Capacity;

    /// <summary>The current frame.</summary>
    public ReadOnlySpan<byte> Frame => _buffer.GetSpan()[.._frameLength];

    /// <summary>What the current frame claims to hold.</summary>
    public ulong ContentSize { get; private set; }

    /// <summary>Goes to the next frame; false at the end of the chunk.</summary>
    public async ValueTask<bool> NextAsync(CancellationToken cancellationToken)
    {
        DropFrame();
        if (_filled == 0 && _unread == 0)
        {
            return false;
        }

        int headerLength;
        bool hasChecksum;
        while (!ReadHeader(out headerLength, out hasChecksum))
        {
            await FillAsync(_filled + 1, cancellationToken);
        }

        int position = headerLength;
        for (bool last = false; !last;)
        {
            await FillAsync(position + BlockHeaderLength, cancellationToken);
            position += BlockHeaderLength + ReadBlock(position, out last);
        }

        _frameLength = position + (hasChecksum ? ChecksumLength : 0);
        await FillAsync(_frameLength, cancellationToken);
        _likelyLength = _frameLength;
        return true;
    }

    public void Dispose() => _buffer.Return();

    private void DropFrame()
    {
        Span<byte> bytes = _buffer.GetSpan();
        bytes[_frameLength.._filled].CopyTo(bytes);
        _filled -= _frameLength;
        _frameLength = 0;
    }

    private bool ReadHeader(out int headerLength, out bool hasChecksum)
    {
        try
        {
            bool isComplete = ZstdFrame.TryReadHeader(_buffer.GetSpan()[.._filled], out headerLength, out ulong contentSize, out hasChecksum);
            ContentSize = contentSize;
            return isComplete;
        }
        catch (InvalidDataException e)
        {
            throw new ChunkCorruptException(chunk, e.Message.TrimEnd('.'), e);
        }
    }

    private int ReadBlock(int position, out bool last)
    {
        try
        {
            return ZstdFrame.BlockLength(_buffer.GetSpan()[position..], out last);
        }
        catch (InvalidDataException e)
        {
            throw new ChunkCorruptException(chunk, e.Message.TrimEnd('.'), e);
        }
    }

    /// <summary>Reads on until the buffer holds at least this much.</summary>
    private async ValueTask FillAsync(int wanted, CancellationToken cancellationToken)
    {
        if (wanted > Segment.Capacity)
        {
            throw new ChunkCorruptException(chunk, $"a frame takes more than {Segment.Capacity} bytes");
        }

        while (_filled < wanted)
        {
            int room = (int)Math.Min(Math.Max(wanted, _likelyLength) - _filled, _unread);
            int count = room == 0 ? 0 : await stored.ReadAsync(_buffer.Memory.Slice(_filled, room), cancellationToken);
            if (count == 0)
            {
                throw new ChunkCorruptException(chunk, $"ended inside a frame, {_unread} bytes before its end");
            }

            _filled += count;
            _unread -= count;
        }
    }
}
