namespace AiModels.NodeAgent.Cache;

/// <summary>Coming back: what an earlier agent left, looked over before the first request.</summary>
internal sealed partial class NodeCache
{
    /// <summary>
    /// Reads the folder: complete models and leases as they were, leases that were lost from the mount table; unfinished and incomplete models are fetched (again) as far as they fit:
    /// the limit may be another than the one they were begun under. Those that are mounted go first, then those that were asked for last. Called before the first request.
    /// </summary>
    public void Load()
    {
        IReadOnlyList<MountedModel> mounted = mounts.Find();
        lock (_lock)
        {
            IndexRecord[] records = [.. folder.Index()];
            foreach (Lease lease in folder.Leases())
            {
                _leases[lease.VolumeId] = lease;
            }

            foreach (Lease lease in LostLeases(mounted))
            {
                Log.LeaseFound(logger, lease.VolumeId, lease.Digest, lease.PodUid);
                TryWrite(() => folder.Write(lease)); // one that is not written is found again
                _leases[lease.VolumeId] = lease;
            }

            var unfinished = new List<CacheEntry>();
            foreach (IndexRecord record in records)
            {
                if (!TryLoadComplete(record, out CacheEntry entry))
                {
                    unfinished.Add(entry);
                }
            }

            RemoveStrays(records.Select(record => record.Model.Digest));
            HashSet<string> shown = DigestsOf(mounted);
            foreach (CacheEntry entry in unfinished
                .OrderByDescending(entry => entry.Leases.Count > 0 || shown.Contains(entry.Model.Digest)).ThenByDescending(entry => entry.LastUsed))
            {
                FetchIfItFits(entry);
            }

            Log.Loaded(logger, _entries.Count, _leases.Count, _limits.Capacity);
        }

        Trim();
    }

    private IEnumerable<Lease> LostLeases(IEnumerable<MountedModel> mounted) => mounted
        .Where(mount => mount.VolumeId is not null && mount.PodUid is not null && !_leases.ContainsKey(mount.VolumeId))
        .Select(mount => new Lease(mount.VolumeId!, mount.Digest, "", "", mount.PodUid!));

    /// <summary>False when it is to be fetched: what is there of a model that is not whole is set aside for those who have it mounted.</summary>
    private bool TryLoadComplete(IndexRecord record, out CacheEntry entry)
    {
        entry = new CacheEntry(record.Model, record.LastUsed) { IsPinned = record.IsPinned, VerifiedAt = record.VerifiedAt ?? record.LastUsed };
        entry.Models.UnionWith(record.Models);
        entry.Leases.UnionWith(_leases.Values.Where(lease => lease.Digest == record.Model.Digest).Select(lease => lease.VolumeId));
        if (record.Files is { } files && folder.LooksWhole(record.Model.Digest, files))
        {
            entry.Files = files;
            entry.State = CacheEntryState.Ready;
            entry.Progress.BytesExpected = record.Model.SizeBytes;
            entry.Progress.Add(record.Model.SizeBytes);
            _entries[record.Model.Digest] = entry;
            return true;
        }

        if (record.Files is not null)
        {
            Log.Incomplete(logger, record.Model.Digest);
            folder.SetAside(record.Model.Digest, time.GetUtcNow());
        }

        return false;
    }
}
