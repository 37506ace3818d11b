using AiModels.Controllers.Preparation.Archives;
using AiModels.ModelPack;

namespace AiModels.Controllers.Tests.Preparation.Hostile;

/// <summary>
/// A source that looks at the memory in use while it is being read: whenever some megabytes have been read or allocated, everything dead is collected, so that
/// what is left is what the readers hold. Garbage does not count, and neither do other tests' arrays of before.
/// </summary>
internal sealed class MeasuredSource(IByteSource inner) : IByteSource
{
    private const long Interval = 4 << 20;

    private readonly long _before = GC.GetTotalMemory(forceFullCollection: true);
    private long _since;
    private long _last = GC.GetTotalMemory(forceFullCollection: false);

    /// <summary>Bytes held at most, above what there was before.</summary>
    public long Peak { get; private set; }

    public string Name => inner.Name;

    public long Length => inner.Length;

    public async ValueTask<Stream> OpenAsync(long offset, CancellationToken cancellationToken) =>
        new Measured(this, await inner.OpenAsync(offset, cancellationToken));

    public void Measure()
    {
        _since = 0;
        _last = GC.GetTotalMemory(forceFullCollection: true);
        Peak = Math.Max(Peak, _last - _before);
    }

    private void Passed(int bytes)
    {
        _since += bytes;
        if (_since >= Interval || GC.GetTotalMemory(forceFullCollection: false) - _last >= 2 * Interval)
        {
            Measure();
        }
    }

    private sealed class Measured(MeasuredSource owner, Stream inner) : ForwardOnlyStream
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            int read = await inner.ReadAsync(buffer, cancellationToken);
            owner.Passed(read);
            return read;
        }
    }
}
