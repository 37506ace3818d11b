using System.Text.Json.Nodes;
using AiModels.Hosting.Kubernetes;
using AiModels.NodeAgent.Reporting;
using AiModels.NodeAgent.Tests.Cache;
using AiModels.TestKit;
using Microsoft.Extensions.Logging.Abstractions;
using Moq;

namespace AiModels.NodeAgent.Tests.Reporting;

/// <summary>What a node tells of the models it fetches.</summary>
[TestClass]
public sealed class ProgressReporterTests
{
    private readonly Mock<IKubernetesClient> _client = new();
    private readonly List<string> _told = [];
    private Exception? _failure;

    public ProgressReporterTests() => _client.Setup(client => client.SubresourceAsync(
            HttpMethod.Put, ResourceTypes.Models, "team-a", It.IsAny<string>(), "progress", It.IsAny<JsonObject?>(), It.IsAny<CancellationToken>()))
        .Returns((HttpMethod _, ResourceType _, string? _, string name, string _, JsonObject? body, CancellationToken _) =>
        {
            if (_failure is { } failure)
            {
                throw failure;
            }

            JsonNode consumer = body!["consumers"]!.AsArray().Single()!;
            _told.Add($"{name}: {consumer["name"]} {consumer["state"]} {consumer["bytesReceived"]} of {consumer["bytesExpected"]}{consumer["message"]}");
            return Task.FromResult(new JsonObject());
        });

    [TestMethod, Timeout(60_000)]
    public async Task Report_OfADownload_TellsItsBytesAndItsEnd()
    {
        await using var bench = new CacheTestBench();
        bench.Source.Hold = new TaskCompletionSource();
        ProgressReporter reporter = Reporter(bench);
        bench.Cache.Prefetch(CacheTestBench.Model("a"), new HashSet<string>());
        await Eventually.GetAsync(() => Task.FromResult(bench.Cache.Transfers().Single().BytesDone), done => done == 1, "a byte has arrived", CancellationToken.None);
        await reporter.LookAsync(CancellationToken.None);
        bench.Source.Hold.SetResult();
        await bench.WhenReadyAsync("a");
        await reporter.LookAsync(CancellationToken.None);
        await reporter.LookAsync(CancellationToken.None);
        Assert.AreSequenceEqual(["a: node/node-1 Downloading 1 of 100", "a: node/node-1 Ready 100 of 100"], _told);
    }

    [TestMethod, Timeout(60_000)]
    public async Task Report_OfADownloadThatStandsStill_IsRepeatedEachMinute()
    {
        await using var bench = new CacheTestBench();
        bench.Source.Hold = new TaskCompletionSource();
        ProgressReporter reporter = Reporter(bench);
        bench.Cache.Prefetch(CacheTestBench.Model("a"), new HashSet<string>());
        await Eventually.GetAsync(() => Task.FromResult(bench.Cache.Transfers().Single().BytesDone), done => done == 1, "a byte has arrived", CancellationToken.None);
        await reporter.LookAsync(CancellationToken.None);
        await reporter.LookAsync(CancellationToken.None);
        Assert.HasCount(1, _told);
        bench.Clock.Advance(TimeSpan.FromSeconds(61));
        await reporter.LookAsync(CancellationToken.None);
        Assert.HasCount(2, _told);
    }

    [TestMethod, Timeout(60_000)]
    public async Task Report_OfAFailedDownload_TellsWhy()
    {
        await using var bench = new CacheTestBench();
        bench.Source.Failure = new IOException(" the registry is away");
        bench.Cache.Prefetch(CacheTestBench.Model("a"), new HashSet<string>());
        await Eventually.GetAsync(() => Task.FromResult(bench.StatusOf("a")?.State), state => state == "Failed", "the download failed", CancellationToken.None);
        await Reporter(bench).LookAsync(CancellationToken.None);
        Assert.AreSequenceEqual(["a: node/node-1 Failed 0 of 100 the registry is away"], _told);
    }

    [TestMethod, Timeout(60_000)]
    public async Task Report_WhenTheApiWasAway_IsMadeUpFor()
    {
        await using var bench = new CacheTestBench();
        await bench.EnsureAsync("a", "v1");
        ProgressReporter reporter = Reporter(bench);
        _failure = new HttpRequestException("refused");
        await reporter.LookAsync(CancellationToken.None);
        _failure = null;
        await reporter.LookAsync(CancellationToken.None);
        Assert.AreSequenceEqual(["a: node/node-1 Ready 100 of 100"], _told);
    }

    [TestMethod, Timeout(60_000)]
    public async Task Report_OfAModelThatWasThereAtStart_SaysNothing()
    {
        await using var bench = new CacheTestBench();
        await bench.EnsureAsync("a", "v1");
        bench.Restart();
        await Reporter(bench).LookAsync(CancellationToken.None);
        Assert.IsEmpty(_told);
    }

    private ProgressReporter Reporter(CacheTestBench bench) =>
        new(bench.Cache, _client.Object, new ServeOptions { NodeName = "node-1" }, bench.Clock, NullLogger<ProgressReporter>.Instance);
}
