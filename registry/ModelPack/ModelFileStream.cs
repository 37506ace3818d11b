using AiModels.ModelPack.Chunking;
using AiModels.ModelPack.Format;

namespace AiModels.ModelPack;

/// <summary>
/// A file of an artifact as a seekable stream. A chunk is fetched and verified as a whole before anything of it is read; when reading goes on
/// from chunk to chunk, the next is fetched while this one is read.
/// </summary>
internal sealed class ModelFileStream(FileEntry file, Func<ChunkEntry, CancellationToken, Task<Stream>> open, ChunkDecoder decoder) : Stream
{
    // 32 MiB: two of them are worth the speed; of larger chunks only one is held.
    private const long MaxPrefetch = 32L * 1024 * 1024;

    private readonly CancellationTokenSource _closed = new();
    private LoadedChunk? _current;
    private Task<LoadedChunk>? _next;
    private int _nextIndex = -1;
    private long _position;

    public override bool CanRead => true;
    public override bool CanSeek => true;
    public override bool CanWrite => false;
    public override long Length => file.Length;

    public override long Position
    {
        get => _position;
        set => _position = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "A position is at least 0.");
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (buffer.IsEmpty || _position >= Length)
        {
            return 0;
        }

        if (_current is null || !_current.Covers(_position))
        {
            await LoadAsync(IndexAt(_position), cancellationToken);
        }

        int count = _current!.CopyTo(_position, buffer.Span);
        _position += count;
        return count;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <summary>For readers that know no other way (zip); blocks the thread while a chunk is fetched.</summary>
    public override int Read(byte[] buffer, int offset, int count) => ReadAsync(buffer.AsMemory(offset, count), CancellationToken.None).AsTask().GetAwaiter().GetResult();

    public override long Seek(long offset, SeekOrigin origin) => Position = origin switch
    {
        SeekOrigin.Begin => offset,
        SeekOrigin.Current => _position + offset,
        _ => Length + offset,
    };

    public override void Flush()
    {
    }

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override async ValueTask DisposeAsync()
    {
        await _closed.CancelAsync();
        await DropNextAsync();
        await base.DisposeAsync();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _closed.Cancel();
            _ = DropNextAsync();
            _current?.Dispose();
            _current = null;
        }

        base.Dispose(disposing);
    }

    private async Task LoadAsync(int index, CancellationToken cancellationToken)
    {
        bool isSequential = _current?.Index == index - 1;
        _current?.Dispose();
        _current = null;
        _current = await TakeAsync(index, cancellationToken);
        if (isSequential && index + 1 < file.Chunks.Count && file.Chunks[index + 1].Length <= MaxPrefetch)
        {
            _nextIndex = index + 1;
            _next = FetchAsync(_nextIndex, _closed.Token);
        }
    }

    private async Task<LoadedChunk> TakeAsync(int index, CancellationToken cancellationToken)
    {
        if (_next is null || _nextIndex != index)
        {
            await DropNextAsync();
            return await FetchAsync(index, cancellationToken);
        }

        LoadedChunk chunk = await _next.WaitAsync(cancellationToken);
        _next = null;
        return chunk;
    }

    private async Task DropNextAsync()
    {
        if (_next is { } next)
        {
            _next = null;
            await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (next.IsCompletedSuccessfully)
            {
                next.Result.Dispose();
            }
        }
    }

    private async Task<LoadedChunk> FetchAsync(int index, CancellationToken cancellationToken)
    {
        ChunkEntry chunk = file.Chunks[index];
        if (chunk.Length > ChunkSize.Largest)
        {
            throw new NotSupportedException($"Layer {index} of '{file.Path}' has {chunk.Length} bytes: too many to verify in memory.");
        }

        var loaded = new LoadedChunk(chunk);
        try
        {
            await using Stream stored = await open(chunk, cancellationToken);
            await decoder.DecodeAsync(chunk, stored, loaded.AddAsync, cancellationToken);
            return loaded;
        }
        catch
        {
            loaded.Dispose();
            throw;
        }
    }

    /// <summary>Chunks are sorted by offset and cover the file.</summary>
    private int IndexAt(long position)
    {
        int low = 0;
        int high = file.Chunks.Count - 1;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (file.Chunks[middle].End <= position)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }
}
