namespace AiModels.Registry.Storage.Backends;

/// <summary>An open object. The content stays readable to its end even when the object is deleted or replaced meanwhile.</summary>
/// <param name="content">The bytes from the offset that was asked for. A <see cref="FileStream"/> when they are a file of this machine, which the kernel can send by itself.</param>
/// <param name="entry">The whole object.</param>
internal sealed class StorageReader(Stream content, StorageEntry entry) : IAsyncDisposable
{
    public Stream Content { get; } = content;

    public StorageEntry Entry { get; } = entry;

    public ValueTask DisposeAsync() => Content.DisposeAsync();
}
