using AiModels.Controllers.Preparation.Formats;
using AiModels.ModelPack;

namespace AiModels.Controllers.Preparation.Sources.Hubs;

/// <summary>
/// Bytes on their way to the registry, compared with what the hub promises before the last of them is given out: whoever has the whole file has the right one,
/// and a file that is noted as complete need not be looked at again.
/// </summary>
/// <param name="inner">Knows its length.</param>
/// <param name="onBytes">Told of bytes that have arrived.</param>
internal sealed class VerifyingStream(Stream inner, HubDigest digest, string path, Action<int> onBytes) : ForwardOnlyStream
{
    private bool _isVerified;

    public override long Length => inner.Length;

    public override long Position => inner.Position;

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
}
