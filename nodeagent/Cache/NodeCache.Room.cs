using AiModels.NodeAgent.Authorization;

namespace AiModels.NodeAgent.Cache;

/// <summary>Room: limits, eviction, and what is done when the disk is full all the same.</summary>
internal sealed partial class NodeCache
{
    /// <summary>
    /// Brings the cache back under its limits where that is possible: after a start with a smaller capacity, after leases were given back. Then writes what the disk did not take before.
    /// </summary>
    public void Trim()
    {
        lock (_lock)
        {
            IReadOnlyList<MountedModel> shown = mounts.Find();
            IReadOnlySet<string> mounted = DigestsOf(shown);
            var usage = new CacheUsage(_entries.Values);
            if (usage.Bytes > _limits.High)
            {
                foreach (CacheEntry candidate in Eviction.Candidates([.. _entries.Values], mounted).TakeWhile(_ => usage.Bytes > _limits.Low))
                {
                    usage.Remove(candidate);
                    Evict(candidate, "the cache's limits");
                }
            }

            folder.RemoveStrays(_entries.Keys, shown.Select(mount => mount.Folder).ToHashSet());
            foreach (CacheEntry entry in _entries.Values.Where(entry => !entry.IsNoted))
            {
                Note(entry);
            }
        }
    }

    private void MakeRoomFor(AuthorizedModel model, IReadOnlySet<string> spared)
    {
        CacheEntry[] others = [.. _entries.Values.Where(entry => entry.Model.Digest != model.Digest)];
        HashSet<string> kept = DigestsOf(mounts.Find());
        kept.UnionWith(spared);
        IReadOnlyList<CacheEntry>? evicted = Eviction.MakeRoom(others, model.SizeBytes, _limits, kept);
        if (evicted is null)
        {
            CacheEntry[] candidates = [.. Eviction.Candidates(others, kept)];
            throw new NodeAgentException(
                NodeAgentException.ResourceExhausted,
                $"{model} needs {model.SizeBytes} bytes; the cache of node {options.NodeName} holds {_limits.Capacity}, of which "
                + $"{CacheUsage.Of(others.Except(candidates))} are in use or pinned");
        }

        foreach (CacheEntry entry in evicted)
        {
            Evict(entry, model.ToString());
        }
    }

    /// <summary>Against a disk that others fill: what is least recently used goes, until as much is free. False when nothing could go.</summary>
    private bool TryFreeDisk(CacheEntry wanting)
    {
        lock (_lock)
        {
            bool any = false;
            long needed = Math.Max(1, wanting.PromisedBytes - wanting.Progress.BytesDone);
            foreach (CacheEntry candidate in Eviction.Candidates([.. _entries.Values], DigestsOf(mounts.Find()))
                .Where(candidate => candidate.Model.Digest != wanting.Model.Digest).TakeWhile(_ => !any || folder.Disk.AvailableFreeSpace < needed))
            {
                Evict(candidate, $"{wanting.Model}, because the disk is full");
                any = true;
            }

            return any;
        }
    }

    private void Evict(CacheEntry entry, string reason)
    {
        Log.Evicted(logger, entry.Model.Digest, entry.PromisedBytes, reason);
        metrics.Evicted();
        _entries.Remove(entry.Model.Digest);
        folder.RemoveModel(entry.Model.Digest);
    }

    private static HashSet<string> DigestsOf(IEnumerable<MountedModel> mounted) => [.. mounted.Select(mount => mount.Digest)];
}
