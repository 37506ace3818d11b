using System.Text;
using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Sources.Hubs;
using AiModels.Controllers.Tests.Preparation.Formats;
using AiModels.Hosting.Kubernetes;
using AiModels.TestKit;
using AiModels.TestKit.FakeHuggingFace;

namespace AiModels.Controllers.Tests.Preparation.Sources;

[TestClass]
public sealed class HuggingFaceTests
{
    private const string Url = "https://huggingface.co/" + FakeHub.Repository;
    private static readonly byte[] First = Shard("a", 20_000_000);
    private static readonly byte[] Second = Shard("b", 3_000_000);

    private static readonly (string Path, byte[] Content)[] Files =
    [
        ("config.json", """{"model_type":"qwen2","architectures":["Qwen2ForCausalLM"]}"""u8.ToArray()),
        ("README.md", "---\npipeline_tag: text-generation\n---\n"u8.ToArray()),
        ("empty.txt", []),
        ("model-00001-of-00002.safetensors", First),
        ("model-00002-of-00002.safetensors", Second),
        ("pytorch_model.bin", new byte[5000]),
    ];

    private FakeHub? _started;
    private PreparationWorld _world = null!;

    public TestContext TestContext { get; set; } = null!;

    [TestCleanup]
    public async Task StopAsync()
    {
        if (_started is not null)
        {
            await _world.DisposeAsync();
            await _started.DisposeAsync();
        }
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Prepare_PublicRepository_StoresWhatIsNeededAndFreezesTheCommit()
    {
        await StartAsync(Files);
        Hub.PageSize = 2;
        JsonObject model = await CreateAsync("m", Url);
        ModelStatus ready = await _world.WaitForPhaseAsync("m", Phases.Ready, TestContext.CancellationToken);

        Assert.AreEqual(FakeHub.Commit, ready.Source!.ResolvedRevision);
        Assert.AreEqual("HuggingFace", ready.Source.ResolvedType);
        CollectionAssert.AreEqual(new[] { "text-generation" }, ready.Resolved!.SourceCapabilities!.Tasks!.ToArray());
        Dictionary<string, byte[]> files = await _world.ReadModelAsync(model, ready.Artifact!.Digest);
        CollectionAssert.AreEquivalent(
            new[] { "config.json", "README.md", "empty.txt", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors" }, files.Keys.ToArray());
        Assert.IsTrue(files["model-00001-of-00002.safetensors"].AsSpan().SequenceEqual(First));
        Assert.IsFalse(Hub.Cdn.HasTokenLeaked);
        Assert.IsFalse(Hub.Requests.Any(request => request.Contains("pytorch_model.bin", StringComparison.Ordinal)), "what is not kept is not fetched");
    }

    [TestMethod]
    [DataRow("cut")]
    [DataRow("expired")]
    [DataRow("flipped once")]
    [DataRow("no ranges")]
    [DataRow("rate limit")]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Prepare_FaultsOnTheWay_EndInTheSameDigest(string fault)
    {
        await StartAsync(Files);
        await CreateAsync("undisturbed", Url);
        string expected = (await _world.WaitForPhaseAsync("undisturbed", Phases.Ready, TestContext.CancellationToken)).Artifact!.Digest;

        int faults = 0;
        Hub.Cdn.HasRanges = fault != "no ranges";
        Hub.RateLimited = fault == "rate limit" ? 1 : 0;
        Hub.Cdn.Fault = (_, _) => (fault, Interlocked.Increment(ref faults)) switch
        {
            ("cut", 2 or 4) => CdnFault.Cut,
            ("expired", 3) => CdnFault.Forbidden,
            ("flipped once", 4) => CdnFault.FlippedBit,
            _ => null,
        };
        await CreateAsync("disturbed", Url);
        Assert.AreEqual(expected, (await _world.WaitForPhaseAsync("disturbed", Phases.Ready, TestContext.CancellationToken)).Artifact!.Digest);
        Assert.IsGreaterThanOrEqualTo(4, faults, "the faults were met");
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Prepare_WorkerEndsOnTheWay_NotedChunksAreNotFetchedAgain()
    {
        await StartAsync(Files);
        var reached = new TaskCompletionSource();

        // The second shard never comes, until the controllers are others.
        Hub.Cdn.Fault = (path, count) =>
        {
            if (!path.StartsWith("model-00002", StringComparison.Ordinal) || count == 1)
            {
                return null;
            }

            reached.TrySetResult();
            return CdnFault.Forbidden;
        };
        JsonObject model = await CreateAsync("m", Url);
        await reached.Task.WaitAsync(TestContext.CancellationToken);
        string repository = $"models/{model["metadata"]!["uid"]}";
        while (await _world.HasCheckpointOfAsync(repository, "model-00001-of-00002.safetensors", 2) is false)
        {
            TestContext.CancellationToken.ThrowIfCancellationRequested();
        }

        await _world.StopControllersAsync();

        Hub.Cdn.Fault = null;
        Hub.Cdn.Ranges.Clear();
        await _world.StartControllersAsync(options => options.HuggingfaceEndpoint = Hub.Endpoint);
        ModelStatus ready = await _world.WaitForPhaseAsync("m", Phases.Ready, TestContext.CancellationToken);

        // 16 MiB are the first shard's first chunk; its header was read again, and nothing else of it.
        string[] first = [.. Hub.Cdn.Ranges.Where(range => range.StartsWith("model-00001", StringComparison.Ordinal))];
        Assert.IsFalse(first.Any(range => range.EndsWith(" 0-8388607", StringComparison.Ordinal) || range.EndsWith(" 8388608-16777215", StringComparison.Ordinal)), string.Join('\n', first));
        Assert.IsTrue((await _world.ReadModelAsync(model, ready.Artifact!.Digest))["model-00001-of-00002.safetensors"].AsSpan().SequenceEqual(First));
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Prepare_BytesThatAreNeverRight_FailAndNameTheFile()
    {
        await StartAsync(Files);
        Hub.Cdn.Fault = (path, count) => path.StartsWith("model-00002", StringComparison.Ordinal) && count > 1 ? CdnFault.FlippedBit : null;
        await CreateAsync("m", Url);
        ModelStatus failed = await _world.WaitForPhaseAsync("m", Phases.Failed, TestContext.CancellationToken);
        StringAssert.Contains(Ready(failed).Message, "model-00002-of-00002.safetensors arrived with digest");
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Prepare_PrivateRepository_NeedsTheTokenOfTheSecret()
    {
        await StartAsync(Files);
        Hub.Token = "hf_secret";
        await CreateAsync("anonymous", Url);
        StringAssert.Contains(Ready(await _world.WaitForPhaseAsync("anonymous", Phases.Failed, TestContext.CancellationToken)).Message, "private or gated");

        await _world.Kubernetes.CreateAsync(ResourceTypes.Secrets, new JsonObject
        {
            ["metadata"] = new JsonObject { ["name"] = "hf", ["namespace"] = "ns" },
            ["data"] = new JsonObject { ["HF_TOKEN"] = Convert.ToBase64String(Encoding.UTF8.GetBytes("hf_secret\n")) },
        }, null, TestContext.CancellationToken);
        await _world.CreateAsync("mine", new JsonObject { ["url"] = Url, ["authSecretRef"] = new JsonObject { ["name"] = "hf" } });
        await _world.WaitForPhaseAsync("mine", Phases.Ready, TestContext.CancellationToken);
        Assert.IsFalse(Hub.Cdn.HasTokenLeaked, "the token is for the hub alone");
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Prepare_GgufRepository_TakesTheFileTheUrlNamesOnABranchWithASlash()
    {
        byte[] small = new GgufFile().With("general.architecture", "llama").With("general.file_type", 15u).Tensor("a", 256, 10).Bytes();
        byte[] large = new GgufFile().With("general.architecture", "llama").With("general.file_type", 7u).Tensor("a", 256, 20).Bytes();
        await StartAsync(("m-Q4_K_M.gguf", small), ("m-Q8_0.gguf", large));
        Hub.Revisions.Add("feature/x");

        JsonObject usual = await CreateAsync("usual", Url + "/tree/feature/x");
        ModelStatus ready = await _world.WaitForPhaseAsync("usual", Phases.Ready, TestContext.CancellationToken);
        CollectionAssert.AreEqual(new[] { "m-Q4_K_M.gguf" }, (await _world.ReadModelAsync(usual, ready.Artifact!.Digest)).Keys.ToArray());

        JsonObject named = await CreateAsync("named", Url + "/blob/feature/x/m-Q8_0.gguf");
        ready = await _world.WaitForPhaseAsync("named", Phases.Ready, TestContext.CancellationToken);
        CollectionAssert.AreEqual(new[] { "m-Q8_0.gguf" }, (await _world.ReadModelAsync(named, ready.Artifact!.Digest)).Keys.ToArray());
        Assert.AreEqual("Q8_0", ready.Resolved!.Quantization);
    }

    [TestMethod]
    [DataRow("https://huggingface.co/owner/other", "There is no repository owner/other")]
    [DataRow("https://huggingface.co/owner/model/tree/nowhere", "has no revision 'nowhere'")]
    [DataRow("https://huggingface.co/datasets/owner/model", "is no model")]
    [DataRow("https://huggingface.co/a/b/c", "is no name of a model")]
    [DataRow("https://huggingface.co/owner/model?file=missing.gguf", "has no file missing.gguf")]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Prepare_WrongUrl_FailsAndSaysWhatIsWrong(string url, string expected)
    {
        await StartAsync(Files);
        await CreateAsync("m", url);
        StringAssert.Contains(Ready(await _world.WaitForPhaseAsync("m", Phases.Failed, TestContext.CancellationToken)).Message, expected);
    }

    [TestMethod]
    public void Digest_RecordedPointer_IsGitsOwn()
    {
        // Recorded from the real hub.
        byte[] pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:cd44947308b4b22228767cab8addd523d1de22abd9b23a10808e5fc295202e4f\nsize 1048576\n"u8.ToArray();
        using var digest = new HubDigest(new HubFile("p", pointer.Length, "c9176dbf0ba8556845af9072b3dd39d06764e8ba", null));
        digest.Append(pointer);
        Assert.IsNull(digest.Problem());
    }

    private FakeHub Hub => _started!;

    private static Condition Ready(ModelStatus status) => status.Conditions!.Single(condition => condition.Type == ConditionTypes.Ready);

    private static byte[] Shard(string name, int dataLength)
    {
        byte[] file = SafetensorsTests.File($$$"""{"{{{name}}}":{"dtype":"U8","shape":[{{{dataLength}}}],"data_offsets":[0,{{{dataLength}}}]}}""", dataLength);
        new Random(dataLength).NextBytes(file.AsSpan(file.Length - dataLength));
        return file;
    }

    private Task<JsonObject> CreateAsync(string name, string url) => _world.CreateAsync(name, new JsonObject { ["url"] = url });

    private async Task StartAsync(params (string Path, byte[] Content)[] files)
    {
        _started = await FakeHub.StartAsync(files);
        _world = await PreparationWorld.StartAsync(withControllers: false);
        await _world.StartControllersAsync(options => options.HuggingfaceEndpoint = Hub.Endpoint);
    }
}
