using AiModels.Contracts.NodeCache;
using AiModels.ModelPack.Format;
using AiModels.NodeAgent.Authorization;
using AiModels.NodeAgent.Materialization;

namespace AiModels.NodeAgent.Cache;

/// <summary>Downloads: one a digest, a few at a time, with pauses after failures that grow with each.</summary>
internal sealed partial class NodeCache
{
    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LastRetry = TimeSpan.FromMinutes(10);

    /// <summary>Downloads that this process has begun, those that have ended included.</summary>
    public IReadOnlyList<Transfer> Transfers()
    {
        lock (_lock)
        {
            return [.. _entries.Values.Where(entry => entry.IsFetchedHere).Select(entry => new Transfer(entry.Model, entry.State, entry.Progress.BytesDone, entry.LastError))];
        }
    }

    private void Start(CacheEntry entry)
    {
        entry.IsFetchedHere = true;
        entry.Download = Task.Run(() => DownloadAsync(entry));
    }

    /// <summary>Never throws: how it ended is in the entry.</summary>
    private async Task DownloadAsync(CacheEntry entry)
    {
        try
        {
            await _downloads.WaitAsync(_stopped.Token);
            try
            {
                Finish(entry, await FetchAsync(entry));
            }
            finally
            {
                _downloads.Release();
            }
        }
        catch (OperationCanceledException) when (_stopped.IsCancellationRequested)
        {
            // The agent stops; the next one goes on from the index and the journal.
        }
        catch (Exception e)
        {
            Fail(entry, DiskFull.IsReasonOf(e) ? FullDisk(e) : e.Message);
        }
    }

    /// <summary>A full disk is met by evicting and going on, as long as there is something to evict.</summary>
    private async Task<IReadOnlyList<CachedFile>> FetchAsync(CacheEntry entry)
    {
        var siblings = new SharedFiles(this);
        while (true)
        {
            try
            {
                return await source.FetchAsync(entry.Model, folder.ModelPath(entry.Model.Digest), siblings, entry.Progress, _stopped.Token);
            }
            catch (IOException e) when (DiskFull.IsReasonOf(e) && TryFreeDisk(entry))
            {
                entry.Progress.Restart();
            }
        }
    }

    private void Finish(CacheEntry entry, IReadOnlyList<CachedFile> files)
    {
        lock (_lock)
        {
            DateTimeOffset now = time.GetUtcNow();
            Write(() => folder.Write(entry.ToRecord() with { Files = files, VerifiedAt = now }), entry);
            entry.Files = files;
            entry.State = CacheEntryState.Ready;
            entry.Failures = 0;
            entry.LastError = null;
            entry.VerifiedAt = now;
        }
    }

    private void Fail(CacheEntry entry, string reason)
    {
        lock (_lock)
        {
            entry.State = CacheEntryState.Failed;
            entry.LastError = reason;
            entry.RetryAt = time.GetUtcNow() + Delay(entry.Failures++);
            Remember(entry, reason);
        }

        metrics.DownloadFailed();
        Log.DownloadFailed(logger, entry.Model.Digest, reason);
    }

    /// <summary>For those who look at the node; ten tell what kind of trouble it is.</summary>
    private void Remember(CacheEntry entry, string reason)
    {
        const int Kept = 10;
        _failures.AddFirst(new CacheFailure(time.GetUtcNow(), entry.Model.Digest, reason));
        if (_failures.Count > Kept)
        {
            _failures.RemoveLast();
        }
    }

    private string FullDisk(Exception e) =>
        $"the disk of the cache is full ({folder.Disk.AvailableFreeSpace} of {folder.Disk.TotalSize} bytes free in {folder.Models}), and nothing else in the cache can be evicted: {e.Message}";

    private string PathOf(CacheEntry entry) => folder.ModelPath(entry.Model.Digest);

    private static TimeSpan Delay(int failures) => TimeSpan.FromTicks((long)Math.Min(LastRetry.Ticks, FirstRetry.Ticks * Math.Pow(2, failures)));

    /// <summary>Files of the cache's other models, for a model that has some of the same.</summary>
    private sealed class SharedFiles(NodeCache cache) : ILocalFiles
    {
        public bool TryLink(FileEntry file, string path)
        {
            string content = CachedFile.ContentOf(file);

            // Under the lock nothing is evicted between finding and linking.
            lock (cache._lock)
            {
                foreach (CacheEntry entry in cache._entries.Values.Where(entry => entry.State == CacheEntryState.Ready && entry.VerifiedAt != CacheEntry.Suspect))
                {
                    if (entry.Files?.FirstOrDefault(known => known.Content == content) is { } found
                        && SharedCopy.TryCreate(Path.Combine(cache.PathOf(entry), found.Path), path, found.Length))
                    {
                        return true;
                    }
                }
            }

            return false;
        }
    }
}

/// <summary>How far the fetching of a model is.</summary>
internal sealed record Transfer(AuthorizedModel Model, CacheEntryState State, long BytesDone, string? LastError);
