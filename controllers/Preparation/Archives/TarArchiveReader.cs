using System.Runtime.CompilerServices;

namespace AiModels.Controllers.Preparation.Archives;

/// <summary>Plain tar. What nobody reads is not fetched.</summary>
internal sealed class TarArchiveReader : IArchiveReader
{
    public string Name => "tar";

    public IReadOnlyList<string> Extensions { get; } = [".tar"];

    public bool HasSignature(ReadOnlySpan<byte> start) => start.Length >= TarHeader.BlockSize && TarHeader.Parse(start) is not null;

    public async IAsyncEnumerable<ArchiveEntry> ReadAsync(IByteSource archive, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var stream = new SourceStream(archive);
        await foreach (ArchiveEntry entry in new TarEntries(stream, archive.Name, new ArchiveGuard(archive.Name, archive.Length), archive.OpenAsync).ReadAsync(cancellationToken))
        {
            yield return entry;
        }
    }
}
