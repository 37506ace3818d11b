using System.Collections.Frozen;
using AiModels.Contracts.NodeCache;
using AiModels.NodeAgent.Authorization;
using AiModels.NodeAgent.Registry;

namespace AiModels.NodeAgent.Cache;

/// <summary>
/// The node's models: one copy a digest, one download for all who ask, leases for those who mount, eviction of what nobody mounts. State is on disk
/// (<see cref="CacheFolder"/>) before it counts, so that a killed agent comes back with its leases and goes on with its downloads.
/// </summary>
internal sealed partial class NodeCache(
    CacheFolder folder,
    IMountedModels mounts,
    IMountAuthorizer authorizer,
    IModelSource source,
    ServeOptions options,
    NodeAgentMetrics metrics,
    TimeProvider time,
    ILogger<NodeCache> logger) : IDisposable
{
    // Long enough that a small model is mounted in the first try, short enough for kubelet's own deadline of two minutes.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly CacheLimits _limits = CacheLimits.Of(options, folder.Disk.TotalSize);
    private readonly Lock _lock = new();
    private readonly Dictionary<string, CacheEntry> _entries = [];
    private readonly Dictionary<string, Lease> _leases = [];
    private readonly LinkedList<CacheFailure> _failures = [];
    private readonly SemaphoreSlim _downloads = new(options.Downloads);
    private readonly CancellationTokenSource _stopped = new();

    /// <summary>Puts a model at a volume's disposal: its folder, or how far its download is.</summary>
    public async Task<EnsureModelResponse> EnsureAsync(EnsureModelRequest request, CancellationToken cancellationToken)
    {
        AuthorizedModel model = await authorizer.AuthorizeAsync(request, cancellationToken);
        CacheEntry entry = EntryFor(model, spared: FrozenSet<string>.Empty);
        await entry.Download.WaitAsync(Patience, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
        return Answer(request, entry);
    }

    /// <summary>
    /// Begins to fetch a model that will be asked for, unless it is here or failed just now. Throws <see cref="NodeAgentException"/> (ResourceExhausted) when there is
    /// no room for it.
    /// </summary>
    /// <param name="wanted">Digests that are not evicted for it, because they are fetched ahead as well: else two of them could take turns for ever.</param>
    public void Prefetch(AuthorizedModel model, IReadOnlySet<string> wanted) => EntryFor(model, wanted);

    /// <summary>Says which digests are to stay, used or not. All others are no longer pinned.</summary>
    public void Pin(IReadOnlySet<string> digests)
    {
        lock (_lock)
        {
            foreach (CacheEntry entry in _entries.Values.Where(entry => entry.IsPinned != digests.Contains(entry.Model.Digest)))
            {
                entry.IsPinned = !entry.IsPinned;
                Note(entry);
            }
        }
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

    /// <summary>The models that are here whole, and their folders. One may be evicted at any moment.</summary>
    public IReadOnlyList<(AuthorizedModel Model, string Folder)> Complete()
    {
        lock (_lock)
        {
            return [.. _entries.Values.Where(entry => entry.State == CacheEntryState.Ready).Select(entry => (entry.Model, PathOf(entry)))];
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
                CapacityBytes = _limits.Capacity,
                UsedBytes = CacheUsage.Of(_entries.Values) + folder.AsideBytes,
                PinnedBytes = CacheUsage.Of(_entries.Values.Where(entry => entry.IsPinned)),
                LastErrors = [.. _failures],
                Models = [.. _entries.Values.OrderBy(entry => entry.Model.Digest, StringComparer.Ordinal).Select(StatusOf)],
            };
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

    /// <summary>The entry of a model: one that is there, or a new one whose download has begun.</summary>
    private CacheEntry EntryFor(AuthorizedModel model, IReadOnlySet<string> spared)
    {
        lock (_lock)
        {
            if (_entries.TryGetValue(model.Digest, out CacheEntry? known) && !IsToBeFetchedAgain(known))
            {
                known.Model = model; // of several models with this digest, the one that is asked for is the one that is not deleted
                if (known.Models.Add(model.ToString()))
                {
                    Note(known);
                }

                return known;
            }

            if (!TryMakeRoomFor(model, spared, out string? lack))
            {
                throw new NodeAgentException(NodeAgentException.ResourceExhausted, lack);
            }

            var entry = new CacheEntry(model, time.GetUtcNow()) { Failures = known?.Failures ?? 0, IsPinned = known?.IsPinned ?? false };
            entry.Models.UnionWith(known?.Models ?? []);
            entry.Leases.UnionWith(_leases.Values.Where(lease => lease.Digest == model.Digest).Select(lease => lease.VolumeId));
            Write(() => folder.Write(entry.ToRecord()), entry);
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

        Write(() => folder.Write(lease), entry);
        _leases[lease.VolumeId] = lease;
        if (known is not null && _entries.TryGetValue(known.Digest, out CacheEntry? other))
        {
            other.Leases.Remove(lease.VolumeId);
        }

        entry.Leases.Add(lease.VolumeId);
        Touch(entry);
    }

    /// <summary>Order among models used within a minute is not worth two flushes of the disk for every Pod that comes and goes.</summary>
    private void Touch(CacheEntry entry)
    {
        DateTimeOffset now = time.GetUtcNow();
        bool isWorthWriting = now - entry.LastUsed >= TimeSpan.FromMinutes(1);
        entry.LastUsed = now;
        if (isWorthWriting)
        {
            Note(entry);
        }
    }

    private static CachedModel StatusOf(CacheEntry entry) => new()
    {
        Digest = entry.Model.Digest,
        Models = [.. entry.Models],
        State = entry.State.ToString(),
        BytesExpected = entry.Model.SizeBytes,
        BytesDownloaded = entry.Progress.BytesDone,
        Mounts = entry.Leases.Count,
        IsPinned = entry.IsPinned,
        LastUsed = entry.LastUsed,
        LastError = entry.LastError,
    };
}
