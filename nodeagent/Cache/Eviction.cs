namespace AiModels.NodeAgent.Cache;

/// <summary>Which models make room: the least recently used of those that nothing mounts and nobody pinned (requirement D7). Pure.</summary>
internal static class Eviction
{
    /// <summary>What to evict, oldest first, so that <paramref name="needed"/> more bytes fit; null when even that would not be enough.</summary>
    /// <param name="kept">Digests that must stay whatever the leases say: they are mounted, or wanted as well.</param>
    public static IReadOnlyList<CacheEntry>? MakeRoom(IReadOnlyCollection<CacheEntry> entries, long needed, CacheLimits limits, IReadOnlySet<string> kept)
    {
        var usage = new CacheUsage(entries);
        var evicted = new List<CacheEntry>();
        if (usage.Bytes + needed > limits.High)
        {
            foreach (CacheEntry candidate in Candidates(entries, kept).TakeWhile(_ => usage.Bytes + needed > limits.Low))
            {
                usage.Remove(candidate);
                evicted.Add(candidate);
            }
        }

        return usage.Bytes + needed <= limits.Capacity ? evicted : null;
    }

    /// <summary>Models that may go, oldest first.</summary>
    public static IEnumerable<CacheEntry> Candidates(IEnumerable<CacheEntry> entries, IReadOnlySet<string> kept) =>
        entries.Where(entry => !entry.IsInUse && !entry.IsPinned && !kept.Contains(entry.Model.Digest)).OrderBy(entry => entry.LastUsed);
}
