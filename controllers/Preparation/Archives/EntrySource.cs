namespace AiModels.Controllers.Preparation.Archives;

/// <summary>An archive's entry as a source of bytes. An entry that cannot be opened anew can be opened once, at its beginning.</summary>
internal sealed class EntrySource(ArchiveEntry entry) : IByteSource
{
    public string Name => entry.Path;

    public long Length => entry.Length;

    public ValueTask<Stream> OpenAsync(long offset, CancellationToken cancellationToken) =>
        entry.OpenAt is { } openAt ? openAt(offset, cancellationToken)
        : offset == entry.Content.Position ? new(entry.Content)
        : throw new InvalidOperationException($"{entry.Path} cannot be opened at {offset}.");
}
