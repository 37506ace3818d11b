using AiModels.ModelPack;

namespace AiModels.Registry.Grants;

/// <summary>A request's body whose bytes are counted as they are read.</summary>
internal sealed class MeteredStream(Stream inner, TransferMeter meter) : ForwardOnlyStream
{
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int count = await inner.ReadAsync(buffer, cancellationToken);
        meter.Add(count);
        return count;
    }
}
