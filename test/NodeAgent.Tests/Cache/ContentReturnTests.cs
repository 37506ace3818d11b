using System.Diagnostics.Metrics;
using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Hosting.Kubernetes;
using AiModels.ModelPack;
using AiModels.ModelPack.Chunking;
using AiModels.ModelPack.Oci;
using AiModels.NodeAgent.Authorization;
using AiModels.NodeAgent.Cache;
using AiModels.NodeAgent.Materialization;
using AiModels.NodeAgent.Registry;
using AiModels.TestKit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Moq;

namespace AiModels.NodeAgent.Tests.Cache;

/// <summary>What the registry has lost of a model that the node has.</summary>
[TestClass]
public sealed class ContentReturnTests
{
    // Three chunks of the test's registry, two of which compress.
    private static readonly byte[] Weights = [.. new byte[3 << 20], .. ModelFiles.Gguf(2 << 20, seed: 5)];

    private readonly string _folder = Directory.CreateTempSubdirectory("return-").FullName;
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly LogCapture _log = new();
    private readonly LoggerFactory _loggers;
    private FakeRegistry _registry = null!;
    private bool _isDeleted;
    private bool _isTold = true;
    private RegistryModelSource _source = null!;
    private NodeCache _cache = null!;
    private ContentReturn _return = null!;
    private AuthorizedModel _model = null!;

    public ContentReturnTests() => _loggers = new LoggerFactory([_log]);

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Token => TestContext.CancellationToken;

    [TestInitialize]
    public async Task StartAsync()
    {
        _registry = await FakeRegistry.StartAsync();
        Digest digest = await _registry.PackAsync(("model.gguf", Weights), ("config.json", "{}"u8.ToArray()));
        _model = new AuthorizedModel(GroupVersion.ModelKind, "team-a", "m", digest.ToString(), Weights.Length + 2);
        var options = new ServeOptions { NodeName = "node-1", CacheDir = _folder, Capacity = 1 << 30, Registry = _registry.Address };
        var metrics = new NodeAgentMetrics(_services.GetRequiredService<IMeterFactory>());
        _source = new RegistryModelSource(Grants(), options, trustedRoots: null, TimeProvider.System, NullLogger<RegistryModelSource>.Instance);
        _cache = new NodeCache(new CacheFolder(_folder), new FakeMounts(), new FakeAuthorizer(), _source, options, metrics, TimeProvider.System, NullLogger<NodeCache>.Instance);
        _return = new ContentReturn(_cache, _source, options, metrics, TimeProvider.System, _loggers.CreateLogger<ContentReturn>());
        _cache.Prefetch(_model, new HashSet<string>());
        await Eventually.GetAsync(() => Task.FromResult(_cache.Complete().Count), count => count == 1, "the model is here", Token);
    }

    [TestCleanup]
    public async Task StopAsync()
    {
        _return.Dispose();
        await _cache.StopAsync();
        _cache.Dispose();
        _source.Dispose();
        await _registry.DisposeAsync();
        await _services.DisposeAsync();
        _loggers.Dispose();
        foreach (string model in Directory.GetDirectories(Path.Combine(_folder, "models")))
        {
            ReadOnlyTree.Remove(model);
        }

        Directory.Delete(_folder, recursive: true);
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Look_NothingIsLost_AsksOnce()
    {
        await _return.LookAsync(Token);

        CollectionAssert.AreEqual(new[] { "/integrity" }, _registry.Asked.ToArray());
        Assert.IsEmpty(_registry.GivenBack);
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Look_ChunksAreLost_ExactlyTheseAreGivenBack()
    {
        ChunkEntry[] chunks = await ChunksAsync();
        Assert.IsTrue(chunks.Any(chunk => chunk.Encoding == ChunkEncoding.Zstd) && chunks.Any(chunk => chunk.Encoding == ChunkEncoding.Raw), "both encodings are given back");
        foreach (ChunkEntry chunk in chunks)
        {
            _registry.Lose(chunk.StoredDigest);
            await _return.LookAsync(Token);
            Assert.IsTrue(_registry.Has(chunk.StoredDigest), $"chunk {chunk.Index}");
        }

        CollectionAssert.AreEqual(chunks.Select(chunk => chunk.StoredDigest.ToString()).ToArray(), _registry.GivenBack.ToArray());
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Look_TheModelDoesNotTellOfTheLossYet_WaitsUntilItDoes()
    {
        ChunkEntry lost = (await ChunksAsync())[0];
        _registry.Lose(lost.StoredDigest);
        _isTold = false;
        await _return.LookAsync(Token);
        Assert.IsEmpty(_registry.GivenBack);

        _isTold = true;
        await _return.LookAsync(Token);
        Assert.IsTrue(_registry.Has(lost.StoredDigest));
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Look_TheNodesOwnBytesHaveRotted_SendsTheSoundOnesAlone()
    {
        ChunkEntry[] chunks = await ChunksAsync();
        string file = Path.Combine(_cache.Complete()[0].Folder, "model.gguf");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        using (FileStream stream = new(file, FileMode.Open, FileAccess.Write))
        {
            stream.Position = chunks[1].Offset + 1000;
            stream.WriteByte(0x5a);
        }

        _registry.Lose(chunks[1].StoredDigest);
        _registry.Lose(chunks[2].StoredDigest);
        await _return.LookAsync(Token);

        CollectionAssert.AreEqual(new[] { chunks[2].StoredDigest.ToString() }, _registry.GivenBack.ToArray());
        Assert.IsFalse(_registry.Has(chunks[1].StoredDigest));
        Assert.Contains($"bytes {chunks[1].Offset} to {chunks[1].End - 1} of model.gguf have digest", _log.Lines.Single(line => line.StartsWith("Warning", StringComparison.Ordinal)));
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Look_TheFolderWasTakenAway_EndsWithoutSending()
    {
        _registry.Lose((await ChunksAsync())[0].StoredDigest);
        ReadOnlyTree.Remove(_cache.Complete()[0].Folder);

        await _return.LookAsync(Token);

        Assert.IsEmpty(_registry.GivenBack);
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Look_AModelThatIsDeleted_IsPassedOverForTheNext()
    {
        ChunkEntry lost = (await ChunksAsync())[0];
        _registry.Lose(lost.StoredDigest);
        _isDeleted = true;
        await _return.LookAsync(Token);
        Assert.IsEmpty(_log.Lines);
        Assert.IsEmpty(_registry.Asked);

        _isDeleted = false;
        await _return.LookAsync(Token);
        Assert.IsTrue(_registry.Has(lost.StoredDigest));
    }

    private async Task<ChunkEntry[]> ChunksAsync() =>
        [.. (await ModelPackReader.OpenAsync(_registry.Client, FakeRegistry.Repository, _model.Digest, Token)).Files.Single(file => file.Path == "model.gguf").Chunks];

    private IKubernetesClient Grants()
    {
        var client = new Mock<IKubernetesClient>(MockBehavior.Strict);
        client.Setup(api => api.SubresourceAsync(HttpMethod.Post, ResourceTypes.Models, "team-a", "m", "grant", It.IsAny<JsonObject>(), It.IsAny<CancellationToken>()))
            .ReturnsAsync(() => _isDeleted ? throw new KubernetesApiException(404, "NotFound", "models.ai.deckhouse.io \"m\" not found") : JsonSerializer.SerializeToNode(
                new RegistryGrant
                {
                    Status = new RegistryGrantStatus { Registry = "https://registry", Repository = FakeRegistry.Repository, Token = "T", ExpiresAt = TimeProvider.System.GetUtcNow().AddHours(1) },
                },
                ContractsJson.Options)!.AsObject());
        client.Setup(api => api.GetAsync(ResourceTypes.Models, "team-a", "m", It.IsAny<CancellationToken>())).ReturnsAsync(() => JsonNode.Parse(
            $$$"""{"status":{"conditions":[{"type":"Ready","status":"True"},{"type":"Intact","status":"{{{(_isTold ? "False" : "True")}}}"}]}}""")!.AsObject());
        return client.Object;
    }
}
