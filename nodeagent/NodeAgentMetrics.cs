using System.Diagnostics.Metrics;
using AiModels.Contracts.NodeCache;

namespace AiModels.NodeAgent;

/// <summary>
/// What the node agent measures. Bytes of single artifacts carry the digest's first twelve digits: as many series as the cache holds artifacts, and they go with them.
/// </summary>
internal sealed class NodeAgentMetrics
{
    public const string MeterName = "aimodels.nodeagent";

    private const int ShownDigits = 12;

    private readonly Meter _meter;
    private readonly Counter<long> _evictions;
    private readonly Counter<long> _failures;
    private readonly Counter<long> _damages;
    private readonly Counter<long> _returned;

    public NodeAgentMetrics(IMeterFactory meters)
    {
        _meter = meters.Create(MeterName);
        _evictions = _meter.CreateCounter<long>("aimodels.nodeagent.cache.evictions", "{artifact}", "Artifacts that were evicted to make room.");
        _failures = _meter.CreateCounter<long>("aimodels.nodeagent.cache.download.failures", "{download}", "Downloads that failed; each is tried again.");
        _damages = _meter.CreateCounter<long>("aimodels.nodeagent.cache.damaged", "{artifact}", "Artifacts whose bytes on the disk were not their digest's any more.");
        _returned = _meter.CreateCounter<long>("aimodels.nodeagent.returned", "{chunk}", "Chunks that the registry had lost and that this node has given back.");

        // From zero on, so that the first of them is already an increase.
        foreach (Counter<long> counter in new[] { _evictions, _failures, _damages, _returned }) counter.Add(0);
    }

    public void Evicted() => _evictions.Add(1);

    public void DownloadFailed() => _failures.Add(1);

    public void Damaged() => _damages.Add(1);

    public void Returned(int chunks) => _returned.Add(chunks);

    /// <summary>Publishes the cache's content; called once.</summary>
    public void Observe(Func<NodeCacheStatus> status)
    {
        _meter.CreateObservableGauge("aimodels.nodeagent.cache.capacity", () => status().CapacityBytes, "By", "What the cache may hold.");
        _meter.CreateObservableGauge("aimodels.nodeagent.cache.used", () => status().UsedBytes, "By", "What the cache holds, what is promised to downloads included.");
        _meter.CreateObservableGauge("aimodels.nodeagent.cache.pinned", () => status().PinnedBytes, "By", "What the cache holds whether it is used or not.");
        _meter.CreateObservableGauge("aimodels.nodeagent.cache.artifacts", () => ByState(status()), "{artifact}", "Artifacts in the cache, by state.");
        _meter.CreateObservableGauge("aimodels.nodeagent.artifact.expected", () => ByDigest(status(), model => model.BytesExpected), "By", "Bytes of an artifact.");
        _meter.CreateObservableGauge("aimodels.nodeagent.artifact.downloaded", () => ByDigest(status(), model => model.BytesDownloaded), "By", "Bytes of an artifact that are on this node.");
    }

    private static IEnumerable<Measurement<long>> ByState(NodeCacheStatus status) => status.Models
        .GroupBy(model => model.State, (state, models) => new Measurement<long>(models.Count(), new KeyValuePair<string, object?>("state", state)));

    private static IEnumerable<Measurement<long>> ByDigest(NodeCacheStatus status, Func<CachedModel, long> bytes) => status.Models
        .Select(model => new Measurement<long>(bytes(model), new KeyValuePair<string, object?>("digest", model.Digest["sha256:".Length..][..ShownDigits])));
}
