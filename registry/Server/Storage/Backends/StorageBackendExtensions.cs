namespace AiModels.Registry.Storage.Backends;

/// <summary>What every backend can do by its ten methods.</summary>
internal static class StorageBackendExtensions
{
    /// <summary>Reads a small object whole, or null when nothing is there. More than <paramref name="limit"/> bytes is an <see cref="IOException"/>.</summary>
    public static async ValueTask<byte[]?> ReadAllAsync(this IStorageBackend backend, string path, int limit, CancellationToken cancellationToken)
    {
        await using StorageReader? reader = await backend.OpenReadAsync(path, 0, cancellationToken);
        if (reader is null)
        {
            return null;
        }

        if (reader.Entry.Length > limit)
        {
            throw new IOException($"{path} has {reader.Entry.Length} bytes, more than the {limit} it may have.");
        }

        byte[] content = new byte[reader.Entry.Length];
        await reader.Content.ReadExactlyAsync(content, cancellationToken);
        return content;
    }

    /// <summary>Deletes everything below a folder. Returns how many objects went.</summary>
    public static async Task<int> DeleteFolderAsync(this IStorageBackend backend, string folder, CancellationToken cancellationToken)
    {
        int count = 0;
        await foreach (StorageEntry entry in backend.ListAsync(folder, null, cancellationToken))
        {
            count += await backend.DeleteAsync(entry.Path, cancellationToken) ? 1 : 0;
        }

        return count;
    }
}
