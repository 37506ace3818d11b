using System.Net;

namespace AiModels.ModelPack.Client;

/// <summary>
/// The body of a blob, or of a range of it. A connection that breaks or goes silent is replaced by a new request from where it stopped;
/// the count of attempts starts anew whenever bytes arrive. Forward only; it does not verify, its reader does.
/// </summary>
internal sealed class BlobStream : ForwardOnlyStream
{
    private readonly Func<long, CancellationToken, Task<HttpResponseMessage>> _open;
    private readonly RegistryClientOptions _options;
    private readonly string _name;
    private readonly long _end;
    private HttpResponseMessage? _response;
    private Stream? _body;
    private CancellationTokenSource _stall;
    private long _position;
    private int _failures;

    /// <param name="open">Asks for the bytes from an offset of the blob to the end of the range.</param>
    public BlobStream(Func<long, CancellationToken, Task<HttpResponseMessage>> open, RegistryClientOptions options, string name, long offset, long end)
    {
        _open = open;
        _options = options;
        _name = name;
        _position = offset;
        _end = end;
        _stall = new CancellationTokenSource(Timeout.InfiniteTimeSpan, options.Time);
        Start = offset;
    }

    public override long Length => _end - Start;

    public override long Position => _position - Start;

    private long Start { get; }

    /// <summary>Opens the first connection, so that a missing blob is told at once.</summary>
    public Task OpenAsync(CancellationToken cancellationToken) => _position < _end ? ConnectAsync(cancellationToken) : Task.CompletedTask;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int wanted = (int)Math.Min(buffer.Length, _end - _position);
        while (wanted > 0)
        {
            try
            {
                if (_body is null)
                {
                    await ConnectAsync(cancellationToken);
                }

                int count = await ReadOnceAsync(buffer[..wanted], cancellationToken);
                if (count == 0)
                {
                    throw new HttpIOException(HttpRequestError.ResponseEnded, $"{_name} ended at {_position} of {_end} bytes.");
                }

                _position += count;
                _failures = 0;
                return count;
            }
            catch (Exception e) when (e is IOException and not RegistryException or TimeoutException or HttpRequestException && _failures < _options.MaxRetries)
            {
                Disconnect();
                await Task.Delay(_options.FirstRetryDelay * (1 << _failures++), _options.Time, cancellationToken);
            }
        }

        return 0;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            Disconnect();
            _stall.Dispose();
        }

        base.Dispose(disposing);
    }

    private async Task ConnectAsync(CancellationToken cancellationToken)
    {
        _response = await _open(_position, cancellationToken);
        _body = await _response.Content.ReadAsStreamAsync(cancellationToken);

        // A server may ignore Range and send everything; the digest must not suffer for it.
        long from = _response.StatusCode == HttpStatusCode.PartialContent ? _response.Content.Headers.ContentRange?.From ?? -1 : 0;
        if (from < 0 || from > _position)
        {
            throw new HttpIOException(HttpRequestError.InvalidResponse, $"{_name}: the answer to a range from {_position} says {_response.Content.Headers.ContentRange}.");
        }

        await SkipAsync(_position - from, cancellationToken);
    }

    private async Task SkipAsync(long count, CancellationToken cancellationToken)
    {
        byte[] scratch = count > 0 ? new byte[64 * 1024] : [];
        while (count > 0)
        {
            int read = await ReadOnceAsync(scratch.AsMemory(0, (int)Math.Min(scratch.Length, count)), cancellationToken);
            count -= read > 0 ? read : throw new HttpIOException(HttpRequestError.ResponseEnded, $"{_name} ended before the range begins.");
        }
    }

    private async ValueTask<int> ReadOnceAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        _stall.CancelAfter(_options.StallTimeout);
        using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), _stall);
        try
        {
            int count = await _body!.ReadAsync(buffer, _stall.Token);
            _stall.CancelAfter(Timeout.InfiniteTimeSpan);
            return count;
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"{_name}: no bytes within {_options.StallTimeout.TotalSeconds:0} s.", e);
        }
    }

    private void Disconnect()
    {
        _body?.Dispose();
        _response?.Dispose();
        _body = null;
        _response = null;
        if (_stall.IsCancellationRequested)
        {
            _stall.Dispose();
            _stall = new CancellationTokenSource(Timeout.InfiniteTimeSpan, _options.Time);
        }
    }
}
