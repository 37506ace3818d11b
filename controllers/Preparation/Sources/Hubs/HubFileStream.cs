using System.Buffers;
using System.Net;

namespace AiModels.Controllers.Preparation.Sources.Hubs;

/// <summary>
/// The bytes of a hub's file from an offset on, as one forward stream that survives cut connections, silence, expired URLs and servers without ranges.
/// Several ranges are fetched at once and given out in order. Does not verify; its reader does.
/// </summary>
internal sealed class HubFileStream : Stream
{
    // 8 MiB: the cost of a request vanishes, and four of them in flight are 32 MiB.
    public const int TransferRange = 8 * 1024 * 1024;

    private const int RetryLimit = 6;

    // No byte for so long is a broken connection: what users complain of most is a download that hangs for ever.
    private static readonly TimeSpan StallTimeout = TimeSpan.FromSeconds(30);

    private readonly Func<long, long, CancellationToken, Task<HttpResponseMessage>> _open;
    private readonly long _length;
    private readonly int _parallel;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _closed = new();
    private readonly int _rangeLength;
    private readonly Queue<Task<RentedRange>> _ahead = [];
    private RentedRange? _current;
    private int _currentPosition;
    private bool _knowsRanges;
    private long _nextRange;
    private Stream? _whole;

    /// <param name="open">Asks for the bytes from an offset to an end.</param>
    /// <param name="rangeLength">Bytes a request asks for.</param>
    /// <param name="parallel">How many ranges are fetched at once.</param>
    public HubFileStream(Func<long, long, CancellationToken, Task<HttpResponseMessage>> open, long offset, long length, int rangeLength, int parallel, TimeProvider time)
    {
        (_open, _length, _rangeLength, _parallel, _time) = (open, length, rangeLength, parallel, time);
        _nextRange = offset;
        Position = offset;
    }

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => _length;
    public override long Position { get; set; }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (Position >= _length || buffer.IsEmpty)
        {
            return 0;
        }

        if (_current is null || _currentPosition == _current.Length)
        {
            _current?.Dispose();
            _current = null;
            FetchAhead();
            _current = await _ahead.Peek().WaitAsync(cancellationToken);
            _ = _ahead.Dequeue();
            _currentPosition = 0;
        }

        int count = Math.Min(buffer.Length, _current.Length - _currentPosition);
        _current.Memory.Slice(_currentPosition, count).CopyTo(buffer);
        _currentPosition += count;
        Position += count;
        return count;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Read asynchronously.");

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override async ValueTask DisposeAsync()
    {
        await _closed.CancelAsync();
        _current?.Dispose();
        foreach (Task<RentedRange> range in _ahead)
        {
            await ((Task)range).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (range.IsCompletedSuccessfully)
            {
                range.Result.Dispose();
            }
        }

        if (_whole is not null)
        {
            await _whole.DisposeAsync();
        }

        _closed.Dispose();
        await base.DisposeAsync();
    }

    private void FetchAhead()
    {
        // The first range alone tells whether the server knows ranges; only then are more asked for at once.
        int wanted = _knowsRanges ? _parallel : 1;
        while (_ahead.Count < wanted && _nextRange < _length)
        {
            long start = _nextRange;
            long end = Math.Min(_length, start + _rangeLength);
            _nextRange = end;
            _ahead.Enqueue(FetchAsync(start, end, _closed.Token));
        }
    }

    private async Task<RentedRange> FetchAsync(long start, long end, CancellationToken cancellationToken)
    {
        var range = new RentedRange((int)(end - start));
        try
        {
            await FillAsync(start, end, range.Memory, cancellationToken);
            return range;
        }
        catch
        {
            range.Dispose();
            throw;
        }
    }

    private async Task FillAsync(long start, long end, Memory<byte> bytes, CancellationToken cancellationToken)
    {
        int filled = 0;
        int failures = 0;
        while (filled < bytes.Length)
        {
            int before = filled;
            try
            {
                await foreach (int read in ReadRangeAsync(start + filled, end, bytes[filled..], cancellationToken))
                {
                    filled += read;
                }
            }
            catch (Exception e) when (IsWorthRetrying(e) && !cancellationToken.IsCancellationRequested)
            {
                // Counted anew whenever bytes came: a bad line is slow, not broken.
                failures = filled > before ? 1 : failures + 1;
                if (failures > RetryLimit)
                {
                    throw;
                }

                await Task.Delay(TimeSpan.FromSeconds(Math.Min(16, Math.Pow(2, failures - 1))), _time, cancellationToken);
            }
        }
    }

    private async IAsyncEnumerable<int> ReadRangeAsync(
        long start, long end, Memory<byte> target, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Stream body = await BodyAtAsync(start, end, cancellationToken);
        try
        {
            while (target.Length > 0)
            {
                int read = await ReadWithPatienceAsync(body, target, cancellationToken);
                if (read == 0)
                {
                    throw new HttpIOException(HttpRequestError.ResponseEnded, $"the body ended {target.Length} bytes early");
                }

                target = target[read..];
                yield return read;
            }
        }
        finally
        {
            if (body != _whole)
            {
                await body.DisposeAsync();
            }
            else if (target.Length > 0)
            {
                await _whole!.DisposeAsync();
                _whole = null;
            }
        }
    }

    /// <summary>A body that stands at the start of the range.</summary>
    private async Task<Stream> BodyAtAsync(long start, long end, CancellationToken cancellationToken)
    {
        if (_whole is not null)
        {
            return _whole;
        }

        HttpResponseMessage response = await _open(start, end, cancellationToken);
        Stream body = await response.Content.ReadAsStreamAsync(cancellationToken);
        if (response.StatusCode == HttpStatusCode.PartialContent)
        {
            if (response.Content.Headers.ContentRange is not { From: { } from } || from != start)
            {
                response.Dispose();
                throw new HttpIOException(HttpRequestError.InvalidResponse, $"a range from {start} was asked for and {response.Content.Headers.ContentRange} came");
            }

            _knowsRanges = true;
            return body;
        }

        // The whole file, whatever was asked for: read on from where it is needed, and never ask for a second one beside it.
        await Archives.StreamSkip.SkipAsync(body, start, cancellationToken);
        return _whole = body;
    }

    private async Task<int> ReadWithPatienceAsync(Stream body, Memory<byte> target, CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(StallTimeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
        try
        {
            return await body.ReadAsync(target, either.Token);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"no byte came within {StallTimeout.TotalSeconds:0} s", e);
        }
    }

    /// <summary>403 is here because signed URLs end after an hour: asking the hub again gives a new one.</summary>
    private static bool IsWorthRetrying(Exception e) =>
        e is HttpRequestException or IOException or TimeoutException || (e is HubException hub && (hub.IsTransient || hub.Status == HttpStatusCode.Forbidden));

    private sealed class RentedRange(int length) : IDisposable
    {
        private readonly byte[] _bytes = ArrayPool<byte>.Shared.Rent(length);
        private int _isDisposed;

        public int Length => length;

        public Memory<byte> Memory => _bytes.AsMemory(0, length);

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
            {
                ArrayPool<byte>.Shared.Return(_bytes);
            }
        }
    }
}
