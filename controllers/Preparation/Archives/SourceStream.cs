namespace AiModels.Controllers.Preparation.Archives;

/// <summary>A byte source as a stream that can be moved: a far jump opens the source anew at the other place instead of reading up to it.</summary>
internal sealed class SourceStream(IByteSource source) : Stream
{
    // Reading on is cheaper than a new request below this.
    private const long ReadOnLimit = 256 * 1024;

    private Stream? _current;
    private long _currentPosition;
    private long _position;

    public override bool CanRead => true;
    public override bool CanSeek => true;
    public override bool CanWrite => false;
    public override long Length => source.Length;

    public override long Position
    {
        get => _position;
        set => _position = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "A position cannot be negative.");
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_position >= source.Length || buffer.IsEmpty)
        {
            return 0;
        }

        await MoveAsync(cancellationToken);
        int read = await _current!.ReadAsync(buffer, cancellationToken);
        _position += read;
        _currentPosition = _position;
        return read;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Read asynchronously.");

    public override long Seek(long offset, SeekOrigin origin)
    {
        Position = origin switch
        {
            SeekOrigin.Begin => offset,
            SeekOrigin.Current => _position + offset,
            _ => source.Length + offset,
        };
        return _position;
    }

    public override void Flush()
    {
    }

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _current?.Dispose();
        }

        base.Dispose(disposing);
    }

    private async ValueTask MoveAsync(CancellationToken cancellationToken)
    {
        long distance = _position - _currentPosition;
        if (_current is not null && distance is > 0 and <= ReadOnLimit)
        {
            await StreamSkip.SkipAsync(_current, distance, cancellationToken);
        }
        else if (_current is null || distance != 0)
        {
            if (_current is not null)
            {
                await _current.DisposeAsync();
            }

            _current = await source.OpenAsync(_position, cancellationToken);
        }

        _currentPosition = _position;
    }
}
