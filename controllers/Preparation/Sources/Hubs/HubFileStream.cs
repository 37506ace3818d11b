using System.Buffers;
using System.Net;
using AiModels.Controllers.Preparation.Formats;
using AiModels.ModelPack;

namespace AiModels.Controllers.Preparation.Sources.Hubs;

/// <summary>
/// The bytes of a hub's file from an offset on, as one forward stream that survives cut connections, silence, expired addresses and servers without ranges.
/// As many ranges as the budget has connections for are fetched at once and given out in order. Does not verify content; its reader does. A file of
/// another length than promised is an <see cref="InvalidModelFileException"/>.
/// </summary>
internal sealed class HubFileStream : ForwardOnlyStream
{
    // An attempt that brought less is one of those that are counted: a line that breaks every few bytes must not be tried for ever.
    private const int WorthwhileBytes = 64 * 1024;

    private readonly HubAddress _address;
    private readonly HubFile _file;
    private readonly HubTransfer _transfer;
    private readonly int _rangeLength;
    private readonly bool _fetchesAhead;
    private readonly CancellationTokenSource _closed = new();
    private readonly Queue<Task<RentedRange>> _ahead = [];
    private RentedRange? _current;
    private int _currentPosition;
    private bool _knowsRanges;
    private long _nextRange;
    private Stream? _whole;

    private HubFileStream(HubAddress address, HubFile file, long offset, HubTransfer transfer, int rangeLength, bool fetchesAhead)
    {
        (_address, _file, _transfer, _rangeLength, _fetchesAhead) = (address, file, transfer, rangeLength, fetchesAhead);
        _nextRange = offset;
        Position = offset;
    }

    /// <summary>The whole rest of the file from an offset on.</summary>
    public static HubFileStream OpenAll(HubAddress address, HubFile file, long offset, HubTransfer transfer) =>
        new(address, file, offset, transfer, TransferBudget.RangeLength, fetchesAhead: true);

    /// <summary>For whoever looks into a file and may stop at any point: one small range after another.</summary>
    public static HubFileStream OpenHeader(HubAddress address, HubFile file, long offset, int rangeLength, HubTransfer transfer) =>
        new(address, file, offset, transfer, rangeLength, fetchesAhead: false);

    public override long Length => _file.Size;
    public override long Position { get; set; }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (Position >= Length || buffer.IsEmpty)
        {
            return 0;
        }

        if (_current is null || _currentPosition == _current.Length)
        {
            _current?.Dispose();
            _current = null;
            await FetchAheadAsync(cancellationToken);
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

    /// <summary>
    /// The next range has a connection in any case, further ones while some are left. Connections are taken in the order of the ranges, so that the one everybody
    /// waits for always gets on.
    /// </summary>
    private async ValueTask FetchAheadAsync(CancellationToken cancellationToken)
    {
        if (_ahead.Count == 0)
        {
            await _transfer.Budget.AcquireConnectionAsync(cancellationToken);
            FetchNext();
        }

        // The first range alone tells whether the server knows ranges; only then are more asked for at once.
        while (_fetchesAhead && _knowsRanges && _nextRange < Length && _transfer.Budget.TryAcquireConnection())
        {
            FetchNext();
        }
    }

    private void FetchNext()
    {
        long start = _nextRange;
        long end = Math.Min(Length, start + _rangeLength);
        _nextRange = end;
        _ahead.Enqueue(FetchAsync(start, new RentedRange((int)(end - start), _transfer.Budget), _closed.Token));
    }

    private async Task<RentedRange> FetchAsync(long start, RentedRange range, CancellationToken cancellationToken)
    {
        try
        {
            int filled = 0;
            while (filled < range.Length)
            {
                // Counted anew whenever bytes came: a bad line is slow, not broken.
                await _transfer.Retries.ExecuteAsync(async cancellation =>
                {
                    int before = filled;
                    try
                    {
                        await foreach (int read in ReadRangeAsync(start + filled, range.Memory[filled..], cancellation))
                        {
                            filled += read;
                        }
                    }
                    catch (Exception e) when (HubRetry.IsWorthRetrying(e) && filled - before >= WorthwhileBytes && !cancellation.IsCancellationRequested)
                    {
                        // The rest is asked for at once.
                    }
                }, cancellationToken);
            }

            return range;
        }
        catch (Exception e)
        {
            range.Dispose();
            throw e is HttpRequestException or IOException or TimeoutException ? HubException.Unreachable($"The bytes of {_file.Path}", e) : e;
        }
    }

    private async IAsyncEnumerable<int> ReadRangeAsync(long start, Memory<byte> target, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        (Stream body, bool mayBeLonger) = await BodyAtAsync(start, start + target.Length, cancellationToken);
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

            if (mayBeLonger)
            {
                await ExpectEndAsync(body, cancellationToken);
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

    /// <summary>A body that stands at the start of the range, and whether it may go on behind the range's end although it must not.</summary>
    private async Task<(Stream Body, bool MayBeLonger)> BodyAtAsync(long start, long end, CancellationToken cancellationToken)
    {
        if (_whole is not null)
        {
            return (_whole, end == Length);
        }

        HttpResponseMessage response = await _address.OpenAsync(start, end, cancellationToken);
        try
        {
            if (HubTransport.Encoding(response) is { } encoding)
            {
                throw new InvalidModelFileException(_file.Path, $"the source sends it with Content-Encoding '{encoding}', which it was asked not to: a proxy changes what it carries.");
            }

            Stream body = await response.Content.ReadAsStreamAsync(cancellationToken);
            if (response.StatusCode == HttpStatusCode.PartialContent)
            {
                CheckRange(response, start, end);
                _knowsRanges = true;
                return (body, response.Content.Headers.ContentLength is null);
            }

            // The whole file, whatever was asked for: read on from where it is needed, and never ask for a second one beside it.
            ExpectLength(response.Content.Headers.ContentLength);
            await SkipAsync(body, start, cancellationToken);
            return (_whole = body, end == Length);
        }
        catch
        {
            response.Dispose();
            throw;
        }
    }

    private void CheckRange(HttpResponseMessage response, long start, long end)
    {
        if (response.Content.Headers.ContentRange is not { From: { } from, To: { } to } range || from != start || to >= end)
        {
            throw new HttpIOException(HttpRequestError.InvalidResponse, $"bytes {start} to {end - 1} were asked for and '{response.Content.Headers.ContentRange}' came");
        }

        ExpectLength(range.Length);
        if (response.Content.Headers.ContentLength is { } length && length != to - from + 1)
        {
            throw new HttpIOException(HttpRequestError.InvalidResponse, $"a range of {to - from + 1} bytes is announced with a length of {length}");
        }
    }

    private void ExpectLength(long? length)
    {
        if (length is { } told && told != Length)
        {
            throw new InvalidModelFileException(_file.Path, $"the source serves {told} bytes and {Length} are promised.");
        }
    }

    private async Task SkipAsync(Stream body, long count, CancellationToken cancellationToken)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(128 * 1024);
        try
        {
            while (count > 0)
            {
                int read = await ReadWithPatienceAsync(body, buffer.AsMemory(0, (int)Math.Min(buffer.Length, count)), cancellationToken);
                count -= read > 0 ? read : throw new HttpIOException(HttpRequestError.ResponseEnded, $"the body ended {count} bytes early");
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private async Task ExpectEndAsync(Stream body, CancellationToken cancellationToken)
    {
        if (await ReadWithPatienceAsync(body, new byte[1], cancellationToken) > 0)
        {
            throw new InvalidModelFileException(_file.Path, "the source sends more bytes than it was asked for.");
        }
    }

    private async Task<int> ReadWithPatienceAsync(Stream body, Memory<byte> target, CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(_transfer.Patience.Stall, _transfer.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
        try
        {
            return await body.ReadAsync(target, either.Token);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"no byte came within {_transfer.Patience.Stall.TotalSeconds:0.#} s", e);
        }
    }
}
