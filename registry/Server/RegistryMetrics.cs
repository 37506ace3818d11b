using System.Diagnostics.Metrics;
using AiModels.Registry.GarbageCollection;

namespace AiModels.Registry;

/// <summary>What the registry measures. Labels have few values; bytes of a single grant or repository are asked for at <c>/accounting/</c>.</summary>
internal sealed class RegistryMetrics
{
    public const string MeterName = "aimodels.registry";

    private readonly Counter<long> _transferred;
    private readonly Histogram<double> _storage;
    private readonly Counter<long> _collections;
    private readonly Counter<long> _freed;
    private readonly Counter<long> _expiredUploads;
    private CollectionState? _lastCollection;

    public RegistryMetrics(IMeterFactory meters)
    {
        Meter meter = meters.Create(MeterName);
        _transferred = meter.CreateCounter<long>("aimodels.registry.transfer", "By", "Bytes that clients pulled and pushed, and that they were sent to the bucket for, by kind of consumer.");
        _storage = meter.CreateHistogram<double>("aimodels.registry.storage.operation.duration", "s", "Duration of operations of the storage backend.");
        _collections = meter.CreateCounter<long>("aimodels.registry.gc.runs", "{run}", "Garbage collections, by outcome.");
        _freed = meter.CreateCounter<long>("aimodels.registry.gc.freed", "By", "Bytes that garbage collection freed.");
        _expiredUploads = meter.CreateCounter<long>("aimodels.registry.uploads.expired", "{upload}", "Uploads that were left behind and removed.");
        // From zero on, so that the first of them is already an increase.
        _freed.Add(0);
        _expiredUploads.Add(0);
        _collections.Add(0, new KeyValuePair<string, object?>("outcome", "done"));
        _collections.Add(0, new KeyValuePair<string, object?>("outcome", "failed"));
        meter.CreateObservableGauge("aimodels.registry.stored", () => _lastCollection?.StoredBytes ?? 0, "By", "Bytes of all blobs, each counted once, at the last collection.");
        meter.CreateObservableGauge("aimodels.registry.referenced", () => _lastCollection?.ReferencedBytes ?? 0, "By", "Bytes of all blobs, counted for each repository that holds them, at the last collection.");
        meter.CreateObservableGauge("aimodels.registry.blobs", () => _lastCollection?.StoredBlobs ?? 0, "{blob}", "Blobs at the last collection.");
        meter.CreateObservableGauge("aimodels.registry.cleanup.queued", () => _lastCollection?.QueuedCleanups ?? 0, "{request}", "Repositories whose space is still to be freed.");
    }

    public void Transferred(int count, bool isPull, string consumer) =>
        _transferred.Add(count, new KeyValuePair<string, object?>("direction", isPull ? "pull" : "push"), new KeyValuePair<string, object?>("consumer", consumer));

    /// <summary>Bytes that a client was sent to the bucket for.</summary>
    public void Redirected(long count, string consumer) =>
        _transferred.Add(count, new KeyValuePair<string, object?>("direction", "redirect"), new KeyValuePair<string, object?>("consumer", consumer));

    public void StorageOperation(string backend, string operation, string outcome, TimeSpan duration) => _storage.Record(
        duration.TotalSeconds,
        new KeyValuePair<string, object?>("backend", backend),
        new KeyValuePair<string, object?>("operation", operation),
        new KeyValuePair<string, object?>("outcome", outcome));

    public void Collected(CollectionState state)
    {
        _lastCollection = state;
        _freed.Add(state.FreedBytes);
        _collections.Add(1, new KeyValuePair<string, object?>("outcome", state.Error is null ? "done" : "failed"));
    }

    public void ExpiredUploads(int count) => _expiredUploads.Add(count);
}
