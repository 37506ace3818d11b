using AiModels.Contracts.NodeCache;
using AiModels.NodeAgent.Authorization;
using AiModels.NodeAgent.Registry;

namespace AiModels.NodeAgent.Cache;

/// <summary>
/// The node's models: one copy a digest, one download for all who ask, leases for those who mount, eviction of what nobody mounts. State is on disk
/// (<see cref="CacheFolder"/>) before it counts, so that a killed agent comes back with its leases and goes on with its downloads.
/// </summary>
internal sealed partial class NodeCache(
    CacheFolder folder, IMountAuthorizer authorizer, IModelSource source, ServeOptions options, TimeProvider time, ILogger<NodeCache> logger) : IDisposable
{
    // Long enough that a small model is mounted in the first try, short enough for kubelet's own deadline of two minutes.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LastRetry = TimeSpan.FromMinutes(10);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, CacheEntry> _entries = [];
    private readonly Dictionary<string, Lease> _leases = [];
    private readonly SemaphoreSlim _downloads = new(options.Downloads);
    private readonly CancellationTokenSource _stopped = new();

    /// <summary>Puts a model at a volume's disposal: its folder, or how far its download is.</summary>
    public async Task<EnsureModelResponse> EnsureAsync(EnsureModelRequest request, CancellationToken cancellationToken)
    {
        AuthorizedModel model = await authorizer.AuthorizeAsync(request, cancellationToken);
        CacheEntry entry = EntryFor(model);
        await entry.Download.WaitAsync(Patience, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
        return Answer(request, entry);
    }

    /// <summary>Gives a volume's lease back. Unknown volumes are passed over.</summary>
    public void Release(string volumeId)
    {
        lock (_lock)
        {
            folder.RemoveLease(volumeId);
            if (_leases.Remove(volumeId, out Lease? lease) && _entries.TryGetValue(lease.Digest, out CacheEntry? entry))
            {
                entry.Leases.Remove(volumeId);
                Touch(entry);
            }
        }
    }

    public IReadOnlyList<Lease> Leases()
    {
        lock (_lock)
        {
            return [.. _leases.Values];
        }
    }

    public NodeCacheStatus Status()
    {
        lock (_lock)
        {
            return new NodeCacheStatus
            {
                CapacityBytes = options.Capacity,
                UsedBytes = _entries.Values.Sum(entry => entry.Bytes),
                Models = [.. _entries.Values.OrderBy(entry => entry.Model.Digest, StringComparer.Ordinal).Select(StatusOf)],
            };
        }
    }

    /// <summary>Reads the folder: complete models and leases as they were; unfinished downloads are gone on with. Called before the first request.</summary>
    public void Load()
    {
        lock (_lock)
        {
            foreach (IndexRecord record in folder.Index())
            {
                LoadEntry(record);
            }

            foreach (Lease lease in folder.Leases())
            {
                _leases[lease.VolumeId] = lease;
                if (_entries.TryGetValue(lease.Digest, out CacheEntry? entry))
                {
                    entry.Leases.Add(lease.VolumeId);
                }
            }

            folder.RemoveStrays(_entries.Keys);
            Log.Loaded(logger, _entries.Count, _leases.Count);
        }
    }

    /// <summary>Ends the downloads; what they have is kept for the next start.</summary>
    public async Task StopAsync()
    {
        await _stopped.CancelAsync();
        Task[] downloads;
        lock (_lock)
        {
            downloads = [.. _entries.Values.Select(entry => entry.Download)];
        }

        await Task.WhenAll(downloads);
    }

    public void Dispose()
    {
        _downloads.Dispose();
        _stopped.Dispose();
    }

    private void LoadEntry(IndexRecord record)
    {
        var entry = new CacheEntry(record.Model, record.LastUsed);
        _entries[record.Model.Digest] = entry;
        if (folder.IsComplete(record.Model.Digest))
        {
            entry.State = CacheEntryState.Ready;
            entry.Progress.BytesExpected = record.Model.SizeBytes;
            entry.Progress.Add(record.Model.SizeBytes);
        }
        else
        {
            Start(entry);
        }
    }

    /// <summary>The entry of a model: one that is there, or a new one whose download has begun.</summary>
    private CacheEntry EntryFor(AuthorizedModel model)
    {
        lock (_lock)
        {
            if (_entries.TryGetValue(model.Digest, out CacheEntry? known) && !IsToBeFetchedAgain(known))
            {
                return known;
            }

            MakeRoomFor(model);
            var entry = new CacheEntry(model, time.GetUtcNow()) { Failures = known?.Failures ?? 0 };
            entry.Leases.UnionWith(_leases.Values.Where(lease => lease.Digest == model.Digest).Select(lease => lease.VolumeId));
            folder.Write(new IndexRecord(model, entry.LastUsed));
            _entries[model.Digest] = entry;
            Start(entry);
            return entry;
        }
    }

    /// <summary>A failed download whose pause is over, or a folder that somebody took away.</summary>
    private bool IsToBeFetchedAgain(CacheEntry entry) => entry.State switch
    {
        CacheEntryState.Failed => time.GetUtcNow() >= entry.RetryAt,
        CacheEntryState.Ready => !folder.IsComplete(entry.Model.Digest),
        _ => false,
    };

    private void MakeRoomFor(AuthorizedModel model)
    {
        CacheEntry[] others = [.. _entries.Values.Where(entry => entry.Model.Digest != model.Digest)];
        IReadOnlyList<CacheEntry> evicted = Eviction.MakeRoom(others, model.SizeBytes, options.Capacity) ?? throw new NodeAgentException(
            NodeAgentException.ResourceExhausted,
            $"{model} needs {model.SizeBytes} bytes; the cache of node {options.NodeName} holds {options.Capacity}, of which "
            + $"{others.Where(entry => entry.State == CacheEntryState.Downloading || entry.Leases.Count > 0).Sum(entry => entry.Bytes)} are in use");
        foreach (CacheEntry entry in evicted)
        {
            Log.Evicted(logger, entry.Model.Digest, entry.Model.SizeBytes, model.Digest);
            _entries.Remove(entry.Model.Digest);
            folder.RemoveModel(entry.Model.Digest);
        }
    }

    private void Start(CacheEntry entry) => entry.Download = Task.Run(() => DownloadAsync(entry));

    /// <summary>Never throws: how it ended is in the entry.</summary>
    private async Task DownloadAsync(CacheEntry entry)
    {
        try
        {
            await _downloads.WaitAsync(_stopped.Token);
            try
            {
                await source.FetchAsync(entry.Model, folder.ModelPath(entry.Model.Digest), entry.Progress, _stopped.Token);
            }
            finally
            {
                _downloads.Release();
            }

            lock (_lock)
            {
                entry.State = CacheEntryState.Ready;
                entry.Failures = 0;
            }
        }
        catch (OperationCanceledException) when (_stopped.IsCancellationRequested)
        {
            // The agent stops; the next one goes on from the index and the journal.
        }
        catch (Exception e)
        {
            lock (_lock)
            {
                entry.State = CacheEntryState.Failed;
                entry.LastError = e.Message;
                entry.RetryAt = time.GetUtcNow() + Delay(entry.Failures++);
            }

            Log.DownloadFailed(logger, entry.Model.Digest, e.Message);
        }
    }

    private static TimeSpan Delay(int failures) => TimeSpan.FromTicks((long)Math.Min(LastRetry.Ticks, FirstRetry.Ticks * Math.Pow(2, failures)));

    private EnsureModelResponse Answer(EnsureModelRequest request, CacheEntry entry)
    {
        lock (_lock)
        {
            if (entry.State == CacheEntryState.Failed)
            {
                throw new NodeAgentException(NodeAgentException.Unavailable, $"{entry.Model} could not be fetched and is tried again after {entry.RetryAt:u}: {entry.LastError}");
            }

            var response = new EnsureModelResponse { BytesExpected = entry.Model.SizeBytes, BytesDownloaded = entry.Progress.BytesDone };

            // An entry that was evicted while we waited is no longer the cache's: kubelet asks again and gets a new one.
            if (entry.State != CacheEntryState.Ready || _entries.GetValueOrDefault(entry.Model.Digest) != entry)
            {
                return response;
            }

            TakeLease(new Lease(request.VolumeId, entry.Model.Digest, request.PodNamespace, request.PodName, request.PodUid), entry);
            return response with { Path = folder.ModelPath(entry.Model.Digest), BytesDownloaded = entry.Model.SizeBytes };
        }
    }

    private void TakeLease(Lease lease, CacheEntry entry)
    {
        if (_leases.TryGetValue(lease.VolumeId, out Lease? known) && known == lease)
        {
            return;
        }

        folder.Write(lease);
        _leases[lease.VolumeId] = lease;
        if (known is not null && _entries.TryGetValue(known.Digest, out CacheEntry? other))
        {
            other.Leases.Remove(lease.VolumeId);
        }

        entry.Leases.Add(lease.VolumeId);
        Touch(entry);
    }

    private void Touch(CacheEntry entry)
    {
        entry.LastUsed = time.GetUtcNow();
        folder.Write(new IndexRecord(entry.Model, entry.LastUsed));
    }

    private static CachedModel StatusOf(CacheEntry entry) => new()
    {
        Digest = entry.Model.Digest,
        State = entry.State.ToString(),
        BytesExpected = entry.Model.SizeBytes,
        BytesDownloaded = entry.Progress.BytesDone,
        Mounts = entry.Leases.Count,
        LastUsed = entry.LastUsed,
        LastError = entry.LastError,
    };

    private static partial class Log
    {
        [LoggerMessage(10, LogLevel.Information, "The cache holds {Models} models and {Leases} leases")]
        public static partial void Loaded(ILogger logger, int models, int leases);

        [LoggerMessage(11, LogLevel.Information, "{Digest} with {Bytes} bytes was evicted for {Other}")]
        public static partial void Evicted(ILogger logger, string digest, long bytes, string other);

        [LoggerMessage(12, LogLevel.Warning, "{Digest} could not be fetched: {Reason}")]
        public static partial void DownloadFailed(ILogger logger, string digest, string reason);
    }
}
