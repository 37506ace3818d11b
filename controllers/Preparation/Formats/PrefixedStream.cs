using AiModels.ModelPack;

namespace AiModels.Controllers.Preparation.Formats;

/// <summary>Bytes that were read already, and then the rest of the stream they came from. Does not own that stream.</summary>
internal sealed class PrefixedStream(ReadOnlyMemory<byte> prefix, Stream rest) : ForwardOnlyStream
{
    private int _position;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_position == prefix.Length)
        {
            return await rest.ReadAsync(buffer, cancellationToken);
        }

        int count = Math.Min(buffer.Length, prefix.Length - _position);
        prefix.Slice(_position, count).CopyTo(buffer);
        _position += count;
        return count;
    }
}
