using AiModels.ModelPack;
using Amazon.S3.Model;

namespace AiModels.Registry.Storage.Backends.S3;

/// <summary>
/// The bytes of an object from an offset. A connection that breaks or goes silent is replaced by a new request from where it stopped, for exactly the same object;
/// the count of attempts starts anew whenever bytes arrive. Forward only.
/// </summary>
internal sealed class S3ReadStream(S3Source source, GetObjectResponse? response, long position, long end) : ForwardOnlyStream
{
    private GetObjectResponse? _response = response;
    private CancellationTokenSource _stall = new(Timeout.InfiniteTimeSpan, source.Clock);
    private long _position = position;
    private int _failures;

    public override long Position => _position;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int wanted = (int)Math.Min(buffer.Length, end - _position);
        while (wanted > 0)
        {
            try
            {
                _response ??= await source.OpenAsync(_position, end, cancellationToken);
                int count = await ReadOnceAsync(_response.ResponseStream, buffer[..wanted], cancellationToken);
                if (count > 0)
                {
                    _position += count;
                    _failures = 0;
                    return count;
                }

                throw new HttpIOException(HttpRequestError.ResponseEnded, $"it ended at {_position} of {end} bytes");
            }
            catch (Exception failure) when (failure is not (OperationCanceledException or StorageUnavailableException) && S3Errors.IsTransient(failure))
            {
                // Opening has retries of its own; here only reading is begun anew.
                Disconnect();
                if (++_failures > source.MaxRetries)
                {
                    throw source.Translate(failure);
                }

                await Task.Delay(source.RetryDelay * _failures, source.Clock, cancellationToken);
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

    private async ValueTask<int> ReadOnceAsync(Stream body, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        _stall.CancelAfter(source.Patience);
        using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(static stall => ((CancellationTokenSource)stall!).Cancel(), _stall);
        try
        {
            int count = await body.ReadAsync(buffer, _stall.Token);
            _stall.CancelAfter(Timeout.InfiniteTimeSpan);
            return count;
        }
        catch (OperationCanceledException failure) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"no bytes within {source.Patience.TotalSeconds:0} s", failure);
        }
    }

    private void Disconnect()
    {
        _response?.Dispose();
        _response = null;
        if (_stall.IsCancellationRequested)
        {
            _stall.Dispose();
            _stall = new CancellationTokenSource(Timeout.InfiniteTimeSpan, source.Clock);
        }
    }
}
