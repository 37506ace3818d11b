using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.Tests.Server.GarbageCollection;

/// <summary>A folder as if several processes worked on it: what they cannot see of each other is all that is not in it.</summary>
internal sealed class SharedStorage(IStorageBackend inner, string folder) : IStorageBackend
{
    /// <summary>Makes everything that is in it older.</summary>
    public void Age(TimeSpan by)
    {
        foreach (string file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
        {
            File.SetLastWriteTimeUtc(file, File.GetLastWriteTimeUtc(file) - by);
        }
    }

    public string Name => inner.Name;

    public bool IsShared => true;

    public ValueTask CheckAsync(CancellationToken cancellationToken) => inner.CheckAsync(cancellationToken);

    public ValueTask<DateTimeOffset> GetTimeAsync(CancellationToken cancellationToken) => inner.GetTimeAsync(cancellationToken);

    public ValueTask<StorageEntry?> StatAsync(string path, CancellationToken cancellationToken) => inner.StatAsync(path, cancellationToken);

    public ValueTask<StorageReader?> OpenReadAsync(string path, long offset, CancellationToken cancellationToken) => inner.OpenReadAsync(path, offset, cancellationToken);

    public ValueTask<IStorageWriter> CreateAsync(WriteIntent intent, CancellationToken cancellationToken) => inner.CreateAsync(intent, cancellationToken);

    public ValueTask<bool> PutAsync(string path, ReadOnlyMemory<byte> content, PutMode mode, CancellationToken cancellationToken) => inner.PutAsync(path, content, mode, cancellationToken);

    public ValueTask ComposeAsync(IReadOnlyList<string> sources, string destination, CancellationToken cancellationToken) => inner.ComposeAsync(sources, destination, cancellationToken);

    public ValueTask<bool> DeleteAsync(string path, CancellationToken cancellationToken) => inner.DeleteAsync(path, cancellationToken);

    public IAsyncEnumerable<StorageEntry> ListAsync(string folder, string? startAfter, CancellationToken cancellationToken) => inner.ListAsync(folder, startAfter, cancellationToken);

    public ValueTask<Uri?> GetDirectLinkAsync(string path, TimeSpan lifetime, CancellationToken cancellationToken) => inner.GetDirectLinkAsync(path, lifetime, cancellationToken);

    public ValueTask<StorageSpace?> GetSpaceAsync(CancellationToken cancellationToken) => inner.GetSpaceAsync(cancellationToken);
}
