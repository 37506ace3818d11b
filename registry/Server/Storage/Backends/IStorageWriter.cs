namespace AiModels.Registry.Storage.Backends;

/// <summary>
/// Takes the bytes of one object in order. Commit is explicit; disposing without it leaves nothing behind. One call at a time.
/// </summary>
internal interface IStorageWriter : IAsyncDisposable
{
    /// <summary>Bytes taken so far.</summary>
    long Length { get; }

    /// <summary>
    /// After the commit: whether the medium itself has confirmed that it holds the bytes that were written (a disk that flushed; an object store that compared
    /// their SHA-256). Where it has not, whoever relies on the bytes reads them once.
    /// </summary>
    bool IsProven { get; }

    /// <summary>
    /// Appends. The memory belongs to the caller again when the task has ended. Blocks of <see cref="TransferBuffers.LargeSize"/> from
    /// <see cref="TransferBuffers"/> take the fastest way; any other memory is right too.
    /// </summary>
    ValueTask WriteAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken);

    /// <summary>Makes what was written the object at <paramref name="path"/>, replacing what is there. Durable when the task has ended.</summary>
    ValueTask CommitAsync(string path, CancellationToken cancellationToken);
}
