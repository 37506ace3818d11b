namespace AiModels.NodeAgent.Cache;

/// <summary>
/// Bytes that a set of models takes of the disk: a complete model's files, each content once, however many models share it; of others the promised size.
/// </summary>
internal sealed class CacheUsage
{
    private readonly Dictionary<string, int> _shares = [];

    public CacheUsage(IEnumerable<CacheEntry> entries)
    {
        foreach (CacheEntry entry in entries)
        {
            Add(entry);
        }
    }

    public long Bytes { get; private set; }

    public static long Of(IEnumerable<CacheEntry> entries) => new CacheUsage(entries).Bytes;

    /// <summary>Takes a model out; <see cref="Bytes"/> falls by what it alone had.</summary>
    public void Remove(CacheEntry entry)
    {
        if (entry.Files is not { } files)
        {
            Bytes -= entry.PromisedBytes;
            return;
        }

        foreach (CachedFile file in files)
        {
            if (--_shares[file.Content] == 0)
            {
                Bytes -= file.Length;
            }
        }
    }

    private void Add(CacheEntry entry)
    {
        if (entry.Files is not { } files)
        {
            Bytes += entry.PromisedBytes;
            return;
        }

        foreach (CachedFile file in files)
        {
            int shares = _shares.GetValueOrDefault(file.Content);
            _shares[file.Content] = shares + 1;
            Bytes += shares == 0 ? file.Length : 0;
        }
    }
}
