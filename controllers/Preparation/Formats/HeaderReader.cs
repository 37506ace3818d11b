using System.Buffers;
using System.Buffers.Binary;

namespace AiModels.Controllers.Preparation.Formats;

/// <summary>
/// Reads little-endian values forward from the start of a file, with one pooled buffer, and knows how long the file is: a length that points beyond the
/// end is an error before anything is allocated for it.
/// </summary>
internal sealed class HeaderReader(Stream stream, string path, long fileLength) : IDisposable
{
    // Longer than any single value that is read at once; strings beyond it are refused by the callers' own limits or skipped.
    private const int BufferSize = 64 * 1024;

    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
    private int _start;
    private int _end;

    /// <summary>How many bytes were consumed.</summary>
    public long Position { get; private set; }

    public long FileLength => fileLength;

    public long Remaining => fileLength - Position;

    public InvalidModelFileException Invalid(string problem) => new(path, problem);

    public async ValueTask<byte> ReadByteAsync(CancellationToken cancellationToken)
    {
        await EnsureAsync(1, cancellationToken);
        return Take(1)[0];
    }

    public async ValueTask<ushort> ReadUInt16Async(CancellationToken cancellationToken)
    {
        await EnsureAsync(2, cancellationToken);
        return BinaryPrimitives.ReadUInt16LittleEndian(Take(2));
    }

    public async ValueTask<uint> ReadUInt32Async(CancellationToken cancellationToken)
    {
        await EnsureAsync(4, cancellationToken);
        return BinaryPrimitives.ReadUInt32LittleEndian(Take(4));
    }

    public async ValueTask<ulong> ReadUInt64Async(CancellationToken cancellationToken)
    {
        await EnsureAsync(8, cancellationToken);
        return BinaryPrimitives.ReadUInt64LittleEndian(Take(8));
    }

    /// <summary>Bytes that stay valid until the next read. The caller has checked <paramref name="count"/> against its own limit.</summary>
    public async ValueTask<ReadOnlyMemory<byte>> ReadBytesAsync(int count, CancellationToken cancellationToken)
    {
        await EnsureAsync(count, cancellationToken);
        var bytes = new ReadOnlyMemory<byte>(_buffer, _start, count);
        Take(count);
        return bytes;
    }

    /// <summary>Passes over bytes without keeping them.</summary>
    public async ValueTask SkipAsync(ulong count, CancellationToken cancellationToken)
    {
        if (count > (ulong)Remaining)
        {
            throw Truncated(count);
        }

        while (count > 0)
        {
            if (_start == _end)
            {
                await EnsureAsync(1, cancellationToken);
            }

            int step = (int)Math.Min(count, (ulong)(_end - _start));
            Take(step);
            count -= (ulong)step;
        }
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        ReadOnlySpan<byte> taken = _buffer.AsSpan(_start, count);
        _start += count;
        Position += count;
        return taken;
    }

    private ValueTask EnsureAsync(int count, CancellationToken cancellationToken) =>
        _end - _start >= count ? ValueTask.CompletedTask : FillAsync(count, cancellationToken);

    private async ValueTask FillAsync(int count, CancellationToken cancellationToken)
    {
        if (count > Remaining)
        {
            throw Truncated((ulong)count);
        }

        MakeRoom(count);
        while (_end - _start < count)
        {
            int read = await stream.ReadAsync(_buffer.AsMemory(_end), cancellationToken);
            if (read == 0)
            {
                throw Truncated((ulong)count);
            }

            _end += read;
        }
    }

    private void MakeRoom(int count)
    {
        byte[] target = count > _buffer.Length ? ArrayPool<byte>.Shared.Rent(count) : _buffer;
        _buffer.AsSpan(_start, _end - _start).CopyTo(target);
        if (target != _buffer)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = target;
        }

        _end -= _start;
        _start = 0;
    }

    private InvalidModelFileException Truncated(ulong count) =>
        new(path, $"the file ends inside its header: {count} bytes are announced at offset {Position} and the file has {fileLength}.");
}
