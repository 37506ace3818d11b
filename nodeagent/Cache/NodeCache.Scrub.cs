namespace AiModels.NodeAgent.Cache;

/// <summary>Looking at the bytes again.</summary>
internal sealed partial class NodeCache
{
    /// <summary>
    /// Compares the model that was looked at longest ago with its digests. A damaged one is set aside, so that what has it mounted keeps what it has, and fetched again
    /// for everybody who comes. Throws what kept it from comparing (a model that was deleted gets no grant any more); the next time it is another's turn.
    /// </summary>
    public async Task ScrubOneAsync(long bytesPerSecond, CancellationToken cancellationToken)
    {
        CacheEntry? entry;
        lock (_lock)
        {
            entry = _entries.Values.Where(entry => entry.State == CacheEntryState.Ready).MinBy(LastLookedAt);
            if (entry is null)
            {
                return;
            }

            entry.ScrubbedAt = time.GetUtcNow();
        }

        string? damage = await source.VerifyAsync(entry.Model, PathOf(entry), bytesPerSecond, cancellationToken);
        lock (_lock)
        {
            if (_entries.GetValueOrDefault(entry.Model.Digest) != entry)
            {
                return; // evicted while we looked: what was missing proves nothing
            }

            entry.VerifiedAt = time.GetUtcNow();
            if (damage is null)
            {
                Note(entry);
            }
            else
            {
                FetchAnew(entry, damage);
            }
        }
    }

    private void FetchAnew(CacheEntry entry, string damage)
    {
        Log.Damaged(logger, entry.Model.Digest, damage);
        metrics.Damaged();
        Remember(entry, damage);
        folder.SetAside(entry.Model.Digest, time.GetUtcNow());
        if (entry.Leases.Count == 0)
        {
            RemoveStrays(_entries.Keys); // nobody has it: what comes anew needs its room
        }

        foreach (CacheEntry sibling in _entries.Values.Where(sibling => SharesFiles(sibling, entry)))
        {
            // The same bytes under other names: nobody is given them before they were looked at, which is next.
            sibling.VerifiedAt = sibling.ScrubbedAt = CacheEntry.Suspect;
        }

        entry.LastError = damage;
        entry.Files = null;
        entry.State = CacheEntryState.Downloading;
        entry.Progress.Restart();
        Note(entry);
        FetchIfItFits(entry);
    }

    private static DateTimeOffset LastLookedAt(CacheEntry entry) => entry.VerifiedAt > entry.ScrubbedAt ? entry.VerifiedAt : entry.ScrubbedAt;

    private static bool SharesFiles(CacheEntry one, CacheEntry other) =>
        one != other && one.Files?.Any(file => other.Files?.Any(known => known.Content == file.Content) == true) == true;
}
