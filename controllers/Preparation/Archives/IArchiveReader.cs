namespace AiModels.Controllers.Preparation.Archives;

/// <summary>Reads one kind of archive as a stream of files. Stateless. To add a kind: a class and a registration line.</summary>
internal interface IArchiveReader
{
    /// <summary>For messages: zip, tar, tar.gz …</summary>
    string Name { get; }

    /// <summary>Endings of file names, with the dot, lower case.</summary>
    IReadOnlyList<string> Extensions { get; }

    /// <summary>Whether a file that begins with these bytes (up to 512) is such an archive.</summary>
    bool HasSignature(ReadOnlySpan<byte> start);

    /// <summary>
    /// The files of the archive in its own order; folders are passed over. Every entry has gone through <see cref="ArchiveGuard"/>.
    /// An entry's content may be read, wholly or in part or not at all, until the next entry is asked for.
    /// Enumerated to the end, the whole archive has been checked as far as its kind allows. Throws <see cref="InvalidArchiveException"/>.
    /// </summary>
    IAsyncEnumerable<ArchiveEntry> ReadAsync(IByteSource archive, CancellationToken cancellationToken);
}

/// <summary>One file of an archive.</summary>
/// <param name="Path">Checked and normalised: relative, with forward slashes, without "./".</param>
/// <param name="Length">Bytes unpacked.</param>
/// <param name="Content">Forward only; gives exactly <paramref name="Length"/> bytes or throws.</param>
internal sealed record ArchiveEntry(string Path, long Length, Stream Content)
{
    /// <summary>Opens the content anew from an offset; several may be open at once. Null where only reading the whole archive again would get there.</summary>
    public Func<long, CancellationToken, ValueTask<Stream>>? OpenAt { get; init; }
}
