using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Pipeline;
using AiModels.Controllers.Preparation.Sources.Hubs;
using AiModels.Controllers.Tests.Preparation.Formats;
using AiModels.Hosting.Kubernetes;
using AiModels.ModelPack;
using AiModels.ModelPack.Chunking;
using AiModels.TestKit;
using AiModels.TestKit.FakeHuggingFace;

namespace AiModels.Controllers.Tests.Preparation.Sources;

[TestClass]
public sealed class HuggingFaceTests
{
    private const string Url = "https://huggingface.co/" + FakeHub.Repository;
    private const int HeaderRange = 512 * 1024;
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

        Assert.AreEqual(Hub.Model.Revisions["main"], ready.Source!.ResolvedRevision);
        Assert.AreEqual("HuggingFace", ready.Source.ResolvedType);
        CollectionAssert.AreEqual(new[] { "text-generation" }, ready.Resolved!.SourceCapabilities!.Tasks!.ToArray());
        Dictionary<string, byte[]> files = await _world.ReadModelAsync(model, ready.Artifact!.Digest);
        CollectionAssert.AreEquivalent(
            new[] { "config.json", "README.md", "empty.txt", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors" }, files.Keys.ToArray());
        Assert.IsTrue(files["model-00001-of-00002.safetensors"].AsSpan().SequenceEqual(First));
        Assert.IsFalse(Hub.Cdn.HasTokenLeaked || Hub.HasIdentityBeenForgotten);
        Assert.IsFalse(Hub.Requests.Any(request => request.Contains("pytorch_model.bin", StringComparison.Ordinal)), "what is not kept is not fetched");
        Assert.HasCount(2, Hub.Requests.Where(request => request.Contains("/resolve/", StringComparison.Ordinal) && request.Contains(".safetensors", StringComparison.Ordinal)).ToArray(),
            "an address serves all ranges of its file");
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Prepare_SeveralModels_ShareOneBudgetOfConnections()
    {
        await StartAsync(Files);
        Hub.Add("owner/other", [.. Files.Select(file => (file.Path, FakeContent.Of(file.Content)))]);
        await _world.StopControllersAsync();
        await StartControllersAsync(options => options.SourceConnections = 3);
        await CreateAsync("a", Url);
        await CreateAsync("b", "https://hf.co/owner/other");
        await _world.WaitForPhaseAsync("a", Phases.Ready, TestContext.CancellationToken);
        await _world.WaitForPhaseAsync("b", Phases.Ready, TestContext.CancellationToken);
        Assert.IsLessThanOrEqualTo(3, Hub.Cdn.MostActive);
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Prepare_WorkerEndsOnTheWay_NotedChunksAreNotFetchedAgain()
    {
        (JsonObject model, string repository) = await PrepareHalfAsync();
        await _world.StopControllersAsync();

        Dictionary<string, long> noted = (await _world.NotesAsync(repository)).ToDictionary(file => file.Path, file => file.Length);
        Hub.Cdn.Fault = null;
        Hub.Cdn.Requests.Clear();
        await StartControllersAsync();
        ModelStatus ready = await _world.WaitForPhaseAsync("m", Phases.Ready, TestContext.CancellationToken);

        // Headers are read again, and nothing else that was noted.
        CdnRequest[] again = [.. Hub.Cdn.Requests.Where(request => request.End - request.Start > HeaderRange && request.Start < noted.GetValueOrDefault(request.File))];
        Assert.IsEmpty(again, string.Join('\n', again.AsEnumerable()));
        Assert.IsTrue((await _world.ReadModelAsync(model, ready.Artifact!.Digest))["model-00001-of-00002.safetensors"].AsSpan().SequenceEqual(First));
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    [DataRow("chunk", true)]
    [DataRow("notes", true)]
    [DataRow("chunk", false)]
    public async Task Prepare_WhatWasStoredRotsOnTheWay_IsFetchedAgain(string what, bool isInterrupted)
    {
        (JsonObject model, string repository) = await PrepareHalfAsync();
        if (isInterrupted)
        {
            await _world.StopControllersAsync();
        }

        ModelPackReader notes = await ModelPackReader.OpenAsync(_world.Registry, repository, Checkpoint.Tag, TestContext.CancellationToken);
        ChunkEntry chunk = notes.Files.Single(file => file.Path == "model-00001-of-00002.safetensors").Chunks[0];
        await _world.LoseAsync(what == "notes" ? notes.Manifest.Config.Digest : chunk.StoredDigest, TestContext.CancellationToken);
        Hub.Cdn.Fault = null;
        if (isInterrupted)
        {
            await StartControllersAsync();
        }

        ModelStatus ready = await _world.WaitForPhaseAsync("m", Phases.Ready, TestContext.CancellationToken);
        Assert.IsTrue((await _world.ReadModelAsync(model, ready.Artifact!.Digest))["model-00001-of-00002.safetensors"].AsSpan().SequenceEqual(First));
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Prepare_BranchMovesBeforeTheEnd_TheFrozenCommitIsPrepared()
    {
        await StartAsync(Files);
        Hub.Cdn.Fault = request => request.File.StartsWith("model-00002", StringComparison.Ordinal) && request.Count > 1 ? CdnFault.Expired : null;
        JsonObject model = await CreateAsync("m", Url + "/tree/main");
        string commit = Hub.Model.Revisions["main"];
        await _world.WaitAsync(ResourceTypes.Models, "m", state => (string?)state?["status"]?["source"]?["resolvedRevision"] == commit, TestContext.CancellationToken);
        await _world.StopControllersAsync();

        Hub.Model.Commit("main", ("config.json", FakeContent.Of("{}"u8.ToArray())));
        Hub.Cdn.Fault = null;
        await StartControllersAsync();
        ModelStatus ready = await _world.WaitForPhaseAsync("m", Phases.Ready, TestContext.CancellationToken);
        Assert.AreEqual(commit, ready.Source!.ResolvedRevision);
        Assert.IsTrue((await _world.ReadModelAsync(model, ready.Artifact!.Digest))["model-00002-of-00002.safetensors"].AsSpan().SequenceEqual(Second));
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Prepare_BytesThatAreNeverRight_FailAndNameTheFile()
    {
        await StartAsync(Files);
        Hub.Cdn.Fault = request => request.File.StartsWith("model-00002", StringComparison.Ordinal) && request.End - request.Start > HeaderRange ? CdnFault.FlippedBit : null;
        await CreateAsync("m", Url);
        ModelStatus failed = await _world.WaitForPhaseAsync("m", Phases.Failed, TestContext.CancellationToken);
        StringAssert.Contains(Ready(failed).Message, "model-00002-of-00002.safetensors: model-00002-of-00002.safetensors arrived with digest");
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Prepare_HeaderDamagedOnTheWay_DoesNotDescribeTheModel()
    {
        await StartAsync(Files);

        // The first answer about the small file differs from what is then stored: both parse.
        byte[] honest = Files[0].Content;
        byte[] damaged = [.. honest];
        damaged[Array.IndexOf(damaged, (byte)'2')] = (byte)'3';
        Hub.LfsAbove = 10;
        Hub.Model.Stored["config.json"] = FakeContent.Of(damaged);
        int seen = 0;
        Hub.Cdn.Fault = request =>
        {
            if (request.File == "config.json" && Interlocked.Increment(ref seen) == 2)
            {
                Hub.Model.Stored.TryRemove("config.json", out _);
            }

            return null;
        };
        await CreateAsync("m", Url);
        ModelStatus ready = await _world.WaitForPhaseAsync("m", Phases.Ready, TestContext.CancellationToken);
        Assert.AreEqual("qwen2", ready.Resolved!.Family);
        Assert.IsGreaterThan(2, seen, "it was looked at again");
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Prepare_SourceThatNeverRecovers_FailsWhenTheBudgetIsSpent()
    {
        await StartAsync(Files);
        await _world.StopControllersAsync();
        Hub.Cdn.Fault = _ => CdnFault.Stall;
        await StartControllersAsync(patience: PreparationWorld.QuickPatience with { Stall = TimeSpan.FromMilliseconds(100), Retries = 1, Budget = TimeSpan.FromSeconds(1) });
        await CreateAsync("m", Url);
        Condition failed = Ready(await _world.WaitForPhaseAsync("m", Phases.Failed, TestContext.CancellationToken));
        Assert.AreEqual(Reasons.PublicationFailed, failed.Reason);
        StringAssert.Contains(failed.Message, "no byte came within");
        StringAssert.Contains(failed.Message, "Given up after");
        await Eventually.GetAsync(() => Task.FromResult(Hub.Cdn.Active), active => active == 0, "no connection is left", TestContext.CancellationToken);
    }

    [TestMethod]
    [DataRow(true, null, "private or gated")]
    [DataRow(true, "hf_stranger", "There is no repository owner/model")]
    [DataRow(true, "hf_nobody", "private or gated")]
    [DataRow(true, "no token at all", "private or gated")]
    [DataRow(false, null, "is gated")]
    [DataRow(false, "hf_stranger", "is gated")]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Prepare_WithoutTheRightToken_FailsAndSaysWhatToDo(bool isPrivate, string? token, string expected)
    {
        await StartAsync(Files);
        Hub.Strangers.Add("hf_stranger");
        (Hub.Model.Token, Hub.Model.IsGated) = ("hf_secret", !isPrivate);
        await CreateWithTokenAsync("m", token);
        Condition failed = Ready(await _world.WaitForPhaseAsync("m", Phases.Failed, TestContext.CancellationToken));
        Assert.AreEqual(Reasons.PublicationFailed, failed.Reason);
        StringAssert.Contains(failed.Message, expected);
        AssertNothingTells(token ?? "hf_secret");
    }

    [TestMethod]
    [DataRow(true)]
    [DataRow(false)]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Prepare_WithTheTokenOfTheSecret_IsReadyAndNobodyLearnsTheToken(bool isPrivate)
    {
        await StartAsync(Files);
        (Hub.Model.Token, Hub.Model.IsGated) = ("hf_secret", !isPrivate);
        await CreateWithTokenAsync("m", "hf_secret");
        await _world.WaitForPhaseAsync("m", Phases.Ready, TestContext.CancellationToken);
        AssertNothingTells("hf_secret");
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Prepare_GgufRepository_TakesTheFileTheUrlNamesOnABranchWithASlash()
    {
        byte[] small = new GgufFile().With("general.architecture", "llama").With("general.file_type", 15u).Tensor("a", 256, 10).Bytes();
        byte[] large = new GgufFile().With("general.architecture", "llama").With("general.file_type", 7u).Tensor("a", 256, 20).Bytes();
        await StartAsync(("m-Q4_K_M.gguf", small), ("m-Q8_0.gguf", large), ("BF16/m-BF16.gguf", large));
        Hub.Model.Revisions["feature/x"] = Hub.Model.Revisions["main"];
        Hub.Model.Revisions["refs/pr/1"] = Hub.Model.Revisions["main"];

        foreach ((string name, string url, string file) in new[]
        {
            ("usual", Url + "/tree/feature/x", "m-Q4_K_M.gguf"),
            ("named", Url + "/blob/feature/x/m-Q8_0.gguf", "m-Q8_0.gguf"),
            ("query", Url + "?revision=feature/x&file=m-Q8_0.gguf", "m-Q8_0.gguf"),
            ("folder", Url + "/tree/refs/pr/1/BF16", "BF16/m-BF16.gguf"),
        })
        {
            JsonObject model = await CreateAsync(name, url);
            ModelStatus ready = await _world.WaitForPhaseAsync(name, Phases.Ready, TestContext.CancellationToken);
            CollectionAssert.AreEqual(new[] { file }, (await _world.ReadModelAsync(model, ready.Artifact!.Digest)).Keys.ToArray(), name);
        }

        string[] said = [.. _world.Kubernetes.All(ResourceTypes.Events).Select(e => (string?)(e["note"] ?? e["message"]) ?? "")];
        Assert.IsTrue(said.Any(note => note.Contains("m-Q4_K_M.gguf was chosen", StringComparison.Ordinal)), string.Join('\n', said));
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Prepare_RenamedRepositoryAndOneWithoutOwner_AreFound()
    {
        await StartAsync(Files);
        Hub.Model.FormerNames.Add("someone/before");
        Hub.Model.FormerNames.Add("model");
        foreach ((string name, string url) in new[] { ("renamed", "https://huggingface.co/someone/before"), ("bare", "https://www.huggingface.co/model?revision=main") })
        {
            await CreateAsync(name, url);
            Assert.AreEqual(Hub.Model.Revisions["main"], (await _world.WaitForPhaseAsync(name, Phases.Ready, TestContext.CancellationToken)).Source!.ResolvedRevision);
        }
    }

    [TestMethod]
    [DataRow("https://huggingface.co/owner/other", "it does not exist, or is private")]
    [DataRow("https://huggingface.co/owner/model/tree/nowhere", "has no revision 'nowhere'")]
    [DataRow("https://huggingface.co/datasets/owner/model", "is no model")]
    [DataRow("https://huggingface.co/a/b/c", "is no name of a model")]
    [DataRow("https://huggingface.co/owner/model?file=missing.gguf", "has no file missing.gguf")]
    [DataRow("https://huggingface.co/owner/model/blob/main/missing.gguf", "has no file missing.gguf")]
    [DataRow("https://huggingface.co/owner/model/tree/main/1_Pooling", "has a folder 1_Pooling, but a model is a whole repository")]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Prepare_WrongUrl_FailsAndSaysWhatIsWrong(string url, string expected)
    {
        await StartAsync([.. Files, ("1_Pooling/config.json", "{}"u8.ToArray())]);
        await CreateAsync("m", url);
        StringAssert.Contains(Ready(await _world.WaitForPhaseAsync("m", Phases.Failed, TestContext.CancellationToken)).Message, expected);
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Prepare_UntrustedCertificate_SaysSoAndNoByteMoves()
    {
        await StartAsync(Files);
        await _world.StopControllersAsync();
        await StartControllersAsync(
            options => options.SourceCaFile = null, PreparationWorld.QuickPatience with { Retries = 1, Budget = TimeSpan.FromMilliseconds(500) });
        await CreateAsync("m", Url);
        StringAssert.Contains(Ready(await _world.WaitForPhaseAsync("m", Phases.Failed, TestContext.CancellationToken)).Message, "certificate");
        Assert.IsEmpty(Hub.Requests);
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

    private async Task CreateWithTokenAsync(string name, string? token)
    {
        var source = new JsonObject { ["url"] = Url };
        if (token is not null)
        {
            await _world.CreateTokenAsync("hf", token);
            source["authSecretRef"] = new JsonObject { ["name"] = "hf" };
        }

        await _world.CreateAsync(name, source);
    }

    /// <summary>Neither the CDN, nor a log, nor an object, nor an Event.</summary>
    private void AssertNothingTells(string token)
    {
        Assert.IsFalse(Hub.Cdn.HasTokenLeaked, "the token is for the hub alone");
        Assert.IsEmpty(_world.Logs.Lines.Where(line => line.Contains(token, StringComparison.Ordinal) || line.Contains("X-Amz-Signature", StringComparison.Ordinal)).ToArray());
        foreach (ResourceType type in new[] { ResourceTypes.Models, ResourceTypes.Events, ResourceTypes.Leases })
        {
            Assert.IsFalse(_world.Kubernetes.All(type).Any(document => document.ToJsonString().Contains(token, StringComparison.Ordinal)), type.Kind);
        }
    }

    private async Task StartAsync(params (string Path, byte[] Content)[] files)
    {
        _started = await FakeHub.StartAsync(files);
        _world = await PreparationWorld.StartAsync(withControllers: false);
        await StartControllersAsync();
    }

    private Task StartControllersAsync(Action<ControllersOptions>? configure = null, HubPatience? patience = null) => _world.StartControllersAsync(
        options =>
        {
            options.HuggingfaceEndpoint = Hub.Endpoint;
            configure?.Invoke(options);
        },
        patience);

    /// <summary>A model whose second shard does not come for as long as the hub's fault stays, with a chunk of the first that is noted.</summary>
    private async Task<(JsonObject Model, string Repository)> PrepareHalfAsync()
    {
        await StartAsync(Files);
        Hub.Cdn.Fault = request => request.File.StartsWith("model-00002", StringComparison.Ordinal) && request.Count > 1 ? CdnFault.Expired : null;
        JsonObject model = await CreateAsync("m", Url);
        string repository = $"models/{model["metadata"]!["uid"]}";
        await Eventually.GetAsync(
            () => _world.HasCheckpointOfAsync(repository, "model-00001-of-00002.safetensors", 1), isThere => isThere, "a noted chunk", TestContext.CancellationToken);
        return (model, repository);
    }
}
