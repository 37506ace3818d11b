using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
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
            RemoveStrays(_entries.Keys);
            IReadOnlySet<string> mounted = DigestsOf(mounts.Find());
            var usage = new CacheUsage(_entries.Values);
            CacheLimits limits = _limits.Beside(folder.AsideBytes);
            if (usage.Bytes > limits.High)
            {
                foreach (CacheEntry candidate in Eviction.Candidates([.. _entries.Values], mounted).TakeWhile(_ => usage.Bytes > limits.Low))
                {
                    usage.Remove(candidate);
                    Evict(candidate, "the cache's limits");
                }
            }

            foreach (CacheEntry entry in _entries.Values.Where(entry => !entry.IsNoted))
            {
                Note(entry);
            }
        }
    }

    /// <summary>
    /// Begins or goes on with a download that has no room promised yet. One that does not fit is let go with all it has: its promise would hold the room of others, and whoever
    /// wants it asks again and is told the numbers.
    /// </summary>
    private void FetchIfItFits(CacheEntry entry)
    {
        if (TryMakeRoomFor(entry.Model, spared: FrozenSet<string>.Empty, out string? lack))
        {
            _entries[entry.Model.Digest] = entry;
            Start(entry);
            return;
        }

        Log.LetGo(logger, entry.Model.Digest, lack);
        Remember(entry, lack);
        _entries.Remove(entry.Model.Digest);
        folder.RemoveModel(entry.Model.Digest);
    }

    /// <param name="lack">What is missing, in numbers.</param>
    private bool TryMakeRoomFor(AuthorizedModel model, IReadOnlySet<string> spared, [NotNullWhen(false)] out string? lack)
    {
        CacheEntry[] others = [.. _entries.Values.Where(entry => entry.Model.Digest != model.Digest)];
        HashSet<string> kept = DigestsOf(mounts.Find());
        kept.UnionWith(spared);
        long aside = folder.AsideBytes;
        IReadOnlyList<CacheEntry>? evicted = Eviction.MakeRoom(others, model.SizeBytes, _limits.Beside(aside), kept);
        if (evicted is null)
        {
            CacheEntry[] candidates = [.. Eviction.Candidates(others, kept)];
            lack = $"{model} needs {model.SizeBytes} bytes; the cache of node {options.NodeName} holds {_limits.Capacity}, of which "
                + $"{CacheUsage.Of(others.Except(candidates)) + aside} are in use or pinned";
            return false;
        }

        foreach (CacheEntry entry in evicted)
        {
            Evict(entry, model.ToString());
        }

        lack = null;
        return true;
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

    /// <param name="known">Digests whose folders and unfinished downloads stay.</param>
    private void RemoveStrays(IEnumerable<string> known) => folder.RemoveStrays(known, mounts.Find().Select(mount => mount.Folder).ToHashSet());

    private static HashSet<string> DigestsOf(IEnumerable<MountedModel> mounted) => [.. mounted.Select(mount => mount.Digest)];
}
