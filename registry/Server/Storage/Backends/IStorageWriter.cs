namespace AiModels.Registry.Storage.Backends;

/// <summary>
/// Takes the bytes of one object in order. Commit is explicit; disposing without it leaves nothing behind. One call at a time.
/// </summary>
internal interface IStorageWriter : IAsyncDisposable
{
    /// <summary>Bytes taken so far.</summary>
    long Length { get; }

    /// <summary>
    /// Appends. The memory belongs to the caller again when the task has ended. Blocks of <see cref="TransferBuffers.LargeSize"/> from
    /// <see cref="TransferBuffers"/> take the fastest way; any other memory is right too.
    /// </summary>
    ValueTask WriteAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken);

    /// <summary>Makes what was written the object at <paramref name="path"/>, replacing what is there. Durable when the task has ended.</summary>
    ValueTask CommitAsync(string path, CancellationToken cancellationToken);
}
