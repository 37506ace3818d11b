using AiModels.Controllers.Preparation.Archives;

namespace AiModels.Controllers.Tests.Preparation.Hostile;

/// <summary>Bytes in memory, in pieces of the size that is asked for.</summary>
internal sealed class WholeSource(string name, byte[] bytes) : IByteSource
{
    public string Name => name;

    public long Length => bytes.Length;

    public ValueTask<Stream> OpenAsync(long offset, CancellationToken cancellationToken) => new(new MemoryStream(bytes, (int)offset, bytes.Length - (int)offset, writable: false));
}
