namespace AiModels.NodeAgent.Cache;

/// <summary>Which models make room for another one: the least recently used of those that nothing mounts (requirement D7). Pure.</summary>
internal static class Eviction
{
    /// <summary>What to evict, oldest first; null when even that would not be enough.</summary>
    public static IReadOnlyList<CacheEntry>? MakeRoom(IEnumerable<CacheEntry> entries, long needed, long capacity)
    {
        CacheEntry[] all = [.. entries];
        long used = all.Sum(entry => entry.Bytes);
        var evicted = new List<CacheEntry>();
        foreach (CacheEntry candidate in all.Where(IsEvictable).OrderBy(entry => entry.LastUsed))
        {
            if (used + needed <= capacity)
            {
                break;
            }

            used -= candidate.Bytes;
            evicted.Add(candidate);
        }

        return used + needed <= capacity ? evicted : null;
    }

    private static bool IsEvictable(CacheEntry entry) => entry.State != CacheEntryState.Downloading && entry.Leases.Count == 0;
}
