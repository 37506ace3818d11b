using AiModels.Controllers.Preparation.Archives;

namespace AiModels.Controllers.Tests.Preparation.Archives;

/// <summary>Bytes in memory that are handed out in small uneven pieces, as a network does.</summary>
internal sealed class MemorySource(byte[] bytes, string name = "upload") : IByteSource
{
    /// <summary>Bytes that were read through all streams.</summary>
    public long BytesRead { get; private set; }

    public string Name => name;

    public long Length => bytes.Length;

    public ValueTask<Stream> OpenAsync(long offset, CancellationToken cancellationToken) => new(new PiecewiseStream(this, bytes, (int)offset));

    private sealed class PiecewiseStream(MemorySource owner, byte[] bytes, int offset) : MemoryStream(bytes, offset, bytes.Length - offset, writable: false)
    {
        public override bool CanSeek => false;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            int read = await base.ReadAsync(buffer[..Math.Min(buffer.Length, 1 + (int)((Position * 31) % 5000))], cancellationToken);
            owner.BytesRead += read;
            return read;
        }
    }
}
