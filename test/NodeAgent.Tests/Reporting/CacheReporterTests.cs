using System.Text.Json.Nodes;
using AiModels.Contracts.NodeCache;
using AiModels.Hosting.Kubernetes;
using AiModels.NodeAgent.Reporting;
using AiModels.NodeAgent.Tests.Cache;
using Microsoft.Extensions.Logging.Abstractions;
using Moq;

namespace AiModels.NodeAgent.Tests.Reporting;

[TestClass]
public sealed class CacheReporterTests
{
    private readonly Mock<IKubernetesClient> _client = new();
    private readonly List<(string? Subresource, JsonObject Body)> _applied = [];
    private bool _exists;

    public CacheReporterTests()
    {
        _client.Setup(client => client.GetAsync(ResourceTypes.Nodes, null, "node-1", It.IsAny<CancellationToken>()))
            .ReturnsAsync(JsonNode.Parse("""{ "metadata": { "name": "node-1", "uid": "node-uid" } }""")!.AsObject());
        _client.Setup(client => client.PatchAsync(
                ResourceTypes.NodeModelCaches, null, "node-1", KubernetesPatch.Apply, It.IsAny<JsonNode>(), It.IsAny<string?>(), "ai-models-nodeagent", It.IsAny<CancellationToken>()))
            .Returns((ResourceType _, string? _, string _, KubernetesPatch _, JsonNode body, string? subresource, string? _, CancellationToken _) => Apply(body.AsObject(), subresource));
    }

    [TestMethod, Timeout(60_000)]
    public async Task Report_ForTheFirstTime_MakesTheObjectOfTheNodeAndTellsTheContent()
    {
        await using var bench = new CacheTestBench();
        await bench.EnsureAsync("a", "v1");
        await Reporter(bench).LookAsync(CancellationToken.None);

        Assert.HasCount(2, _applied);
        Assert.AreEqual("node-uid", (string?)_applied[0].Body["metadata"]!["ownerReferences"]![0]!["uid"]);
        JsonNode status = _applied[1].Body["status"]!;
        Assert.AreEqual((250, 100, 1, 1), ((int)status["capacityBytes"]!, (int)status["usedBytes"]!, (int)status["artifactCount"]!, (int)status["mountedCount"]!));
        JsonNode artifact = status["artifacts"]![0]!;
        Assert.AreEqual(CacheTestBench.DigestOf("a"), (string?)artifact["digest"]);
        Assert.AreEqual("Model team-a/a", (string?)artifact["models"]![0]);
        Assert.AreEqual("100%", (string?)artifact["progress"]);
    }

    [TestMethod, Timeout(60_000)]
    public async Task Report_WhenNothingHasChanged_WritesOnlyASignOfLife()
    {
        await using var bench = new CacheTestBench();
        CacheReporter reporter = Reporter(bench);
        await reporter.LookAsync(CancellationToken.None);
        _applied.Clear();
        await reporter.LookAsync(CancellationToken.None);
        Assert.IsEmpty(_applied);
        bench.Clock.Advance(TimeSpan.FromMinutes(11));
        await reporter.LookAsync(CancellationToken.None);
        Assert.AreEqual("status", _applied.Single().Subresource);
    }

    [TestMethod, Timeout(60_000)]
    public async Task Report_AfterSomebodyRemovedTheObject_MakesItAgain()
    {
        await using var bench = new CacheTestBench();
        CacheReporter reporter = Reporter(bench);
        await reporter.LookAsync(CancellationToken.None);
        _applied.Clear();
        _exists = false;
        await bench.EnsureAsync("a", "v1");
        await reporter.LookAsync(CancellationToken.None);
        Assert.AreSequenceEqual([null, "status"], _applied.Select(applied => applied.Subresource));
    }

    [TestMethod, Timeout(60_000)]
    public async Task Report_WhenTheApiIsAway_IsMadeUpForLater()
    {
        await using var bench = new CacheTestBench();
        CacheReporter reporter = Reporter(bench);
        _client.Setup(client => client.GetAsync(ResourceTypes.Nodes, null, "node-1", It.IsAny<CancellationToken>())).ThrowsAsync(new HttpRequestException("refused"));
        await reporter.LookAsync(CancellationToken.None);
        Assert.IsEmpty(_applied);
        _client.Setup(client => client.GetAsync(ResourceTypes.Nodes, null, "node-1", It.IsAny<CancellationToken>())).ReturnsAsync((JsonObject?)null);
        await reporter.LookAsync(CancellationToken.None);
        Assert.HasCount(2, _applied);
    }

    [TestMethod, Timeout(60_000)]
    public async Task Status_AfterAFailure_TellsIt()
    {
        await using var bench = new CacheTestBench();
        bench.Source.Failure = new IOException("the registry is away");
        await Assert.ThrowsExactlyAsync<NodeAgentException>(() => bench.EnsureAsync("a", "v1"));
        var status = CacheReport.Of(bench.Cache.Status());
        Assert.AreEqual("the registry is away", status.LastErrors!.Single().Message);
        Assert.AreEqual(("Failed", "the registry is away", "0%"), (status.Artifacts!.Single().State, status.Artifacts!.Single().LastError, status.Artifacts!.Single().Progress));
    }

    [TestMethod]
    public void Report_OfAnArtifactThatIsNotPublishedYet_IsBelowAHundredPercent()
    {
        var cache = new NodeCacheStatus { Models = [new CachedModel { Digest = "sha256:a", State = "Downloading", BytesExpected = 100, BytesDownloaded = 100 }] };
        Assert.AreEqual("99%", CacheReport.Of(cache).Artifacts!.Single().Progress);
        Assert.AreEqual(1, CacheReport.Of(cache).FetchingCount);
    }

    private CacheReporter Reporter(CacheTestBench bench) =>
        new(bench.Cache, _client.Object, new ServeOptions { NodeName = "node-1" }, bench.Clock, NullLogger<CacheReporter>.Instance);

    private Task<JsonObject> Apply(JsonObject body, string? subresource)
    {
        if (subresource == "status" && !_exists)
        {
            return Task.FromException<JsonObject>(new KubernetesApiException(404, "NotFound", "not found"));
        }

        _exists = true;
        _applied.Add((subresource, body));
        return Task.FromResult(body);
    }
}
