using AiModels.Controllers.Preparation.Formats;

namespace AiModels.Controllers.Preparation.Sources.Hubs;

/// <summary>
/// Bytes on their way to the registry, compared with what the hub promises before the last of them is given out: whoever has the whole file has the right one,
/// and a file that is noted as complete need not be looked at again.
/// </summary>
/// <param name="inner">Knows its length.</param>
/// <param name="onBytes">Told of bytes that have arrived.</param>
internal sealed class VerifyingStream(Stream inner, HubDigest digest, string path, Action<int> onBytes) : Stream
{
    private bool _isVerified;

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => inner.Length;

    public override long Position
    {
        get => inner.Position;
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int read = await inner.ReadAsync(buffer, cancellationToken);
        digest.Append(buffer.Span[..read]);
        onBytes(read);
        if (!_isVerified && (inner.Position >= inner.Length || (read == 0 && !buffer.IsEmpty)))
        {
            _isVerified = true;
            if (digest.Problem() is { } problem)
            {
                throw new InvalidModelFileException(path, problem + ". The source or the way to it is damaged.");
            }
        }

        return read;
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
}
