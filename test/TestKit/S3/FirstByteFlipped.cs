using AiModels.ModelPack;

namespace AiModels.TestKit.S3;

/// <summary>A stream whose first byte is not what was sent.</summary>
internal sealed class FirstByteFlipped(Stream inner) : ForwardOnlyStream
{
    private long _position;

    public override long Position => _position;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int count = await inner.ReadAsync(buffer, cancellationToken);
        if (_position == 0 && count > 0)
        {
            buffer.Span[0] ^= 1;
        }

        _position += count;
        return count;
    }
}
