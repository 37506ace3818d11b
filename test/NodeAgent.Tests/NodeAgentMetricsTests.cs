using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using AiModels.Contracts.NodeCache;
using Microsoft.Extensions.DependencyInjection;

namespace AiModels.NodeAgent.Tests;

[TestClass]
public sealed class NodeAgentMetricsTests
{
    [TestMethod]
    public void Metrics_OfACache_TellContentEvictionsAndFailures()
    {
        using ServiceProvider services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        IMeterFactory meters = services.GetRequiredService<IMeterFactory>();
        var seen = new ConcurrentDictionary<string, long>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Scope == meters)
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => seen[instrument.Name + string.Concat(tags.ToArray().Select(tag => $" {tag.Key}={tag.Value}"))] = value);
        listener.Start();

        var metrics = new NodeAgentMetrics(meters);
        metrics.Observe(() => new NodeCacheStatus
        {
            CapacityBytes = 250,
            UsedBytes = 200,
            PinnedBytes = 100,
            Models = [new CachedModel { Digest = "sha256:" + new string('a', 64), State = "Downloading", BytesExpected = 100, BytesDownloaded = 42 }],
        });
        metrics.Evicted();
        metrics.DownloadFailed();
        metrics.Damaged();
        listener.RecordObservableInstruments();

        Assert.AreEqual(1, seen["aimodels.nodeagent.cache.evictions"]);
        Assert.AreEqual(1, seen["aimodels.nodeagent.cache.download.failures"]);
        Assert.AreEqual(1, seen["aimodels.nodeagent.cache.damaged"]);
        Assert.AreEqual(250, seen["aimodels.nodeagent.cache.capacity"]);
        Assert.AreEqual(200, seen["aimodels.nodeagent.cache.used"]);
        Assert.AreEqual(100, seen["aimodels.nodeagent.cache.pinned"]);
        Assert.AreEqual(1, seen["aimodels.nodeagent.cache.artifacts state=Downloading"]);
        Assert.AreEqual(100, seen["aimodels.nodeagent.artifact.expected digest=aaaaaaaaaaaa"]);
        Assert.AreEqual(42, seen["aimodels.nodeagent.artifact.downloaded digest=aaaaaaaaaaaa"]);
    }
}
