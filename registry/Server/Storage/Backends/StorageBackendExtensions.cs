using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

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

    /// <summary>
    /// Reads a note of the registry's own, or null. One whose bytes have rotted counts as none: a state is then begun anew and a promise lapses, which is better than everything that
    /// reads it coming to a stop.
    /// </summary>
    public static async ValueTask<T?> ReadDocumentAsync<T>(this IStorageBackend backend, string path, int limit, JsonTypeInfo<T> type, CancellationToken cancellationToken)
        where T : class
    {
        byte[]? content = await backend.ReadAllAsync(path, limit, cancellationToken);
        try
        {
            return content is null ? null : JsonSerializer.Deserialize(content, type);
        }
        catch (JsonException)
        {
            return null;
        }
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
