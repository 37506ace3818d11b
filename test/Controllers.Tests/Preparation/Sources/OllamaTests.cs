using System.Text;
using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Sources.Ollama;
using AiModels.Controllers.Tests.Preparation.Formats;
using AiModels.TestKit;
using AiModels.TestKit.FakeOllama;

namespace AiModels.Controllers.Tests.Preparation.Sources;

[TestClass]
public sealed class OllamaTests
{
    private const string Url = "https://ollama.com/library/tiny:2b";
    private const string FileName = "model.gguf";
    private const int ChunkSize = 16 * 1024 * 1024;

    // The recorded model: config of 258 bytes, manifest of 408, weights of 320.
    private const string VectorConfig = """{"model_format":"gguf","model_family":"llama","model_families":["llama"],"model_type":"8","file_type":"F32","architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:b9f226597858763c346a26a6c7ff8397b7dcf811160aea4c9893b5cbeecfda0b"]}}""";
    private const string VectorManifest = """{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":{"mediaType":"application/vnd.docker.container.image.v1+json","digest":"sha256:3b3ef3a01d720c98cb429e9600b9639c3743e5ffa101566ffa8a17c1afae3bf8","size":258},"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:b9f226597858763c346a26a6c7ff8397b7dcf811160aea4c9893b5cbeecfda0b","size":320}]}""";
    private const string VectorDigest = "sha256:7c336b697e316a570e55faec5085fd631c6f837cd671cce5e1a18521d7946d95";

    // More than one chunk of 16 MiB and several ranges of 8 MiB.
    private static readonly byte[] Large = new GgufFile().With("general.architecture", "llama").Tensor("a", 256, 45_000).Bytes();

    private FakeOllamaRegistry _ollama = null!;
    private PreparationWorld _world = null!;

    public TestContext TestContext { get; set; } = null!;

    [TestInitialize]
    public async Task StartAsync()
    {
        _ollama = await FakeOllamaRegistry.StartAsync();
        _world = await PreparationWorld.StartAsync(withControllers: false);
        await StartControllersAsync();
    }

    [TestCleanup]
    public async Task StopAsync()
    {
        await _world.DisposeAsync();
        await _ollama.DisposeAsync();
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Prepare_RecordedModel_IsPinnedToTheDigestOfItsManifest()
    {
        _ollama.AddBlob(Encoding.UTF8.GetBytes(VectorConfig));
        _ollama.AddBlob(GgufFile.Vector);
        Assert.AreEqual(VectorDigest, _ollama.SetManifest("tiny:latest", VectorManifest));

        JsonObject model = await CreateAsync("https://ollama.com/library/tiny");
        ModelStatus ready = await _world.WaitForPhaseAsync("m", Phases.Ready, TestContext.CancellationToken);

        Assert.AreEqual(SourceTypes.Ollama, ready.Source!.ResolvedType);
        Assert.AreEqual(VectorDigest, ready.Source.ResolvedRevision);
        Assert.AreEqual("llama", ready.Resolved!.Architecture, "of the weights, not the config's amd64");
        Assert.AreEqual(8, ready.Resolved.ParameterCount);
        Assert.IsNull(ready.Resolved.SourceCapabilities);
        Dictionary<string, byte[]> files = await _world.ReadModelAsync(model, ready.Artifact!.Digest);
        CollectionAssert.AreEqual(new[] { FileName }, files.Keys.ToArray());
        CollectionAssert.AreEqual(GgufFile.Vector, files[FileName]);
        Assert.IsTrue(_ollama.Accepted.All(accept => accept == "application/vnd.docker.distribution.manifest.v2+json"));
        Assert.IsFalse(_ollama.HasSeenCredentials || _ollama.Cdn.HasTokenLeaked);
    }

    [TestMethod]
    [DataRow("[]", "{{ .Prompt }}", false, "")]
    [DataRow("[]", "<s>{{ .System }}</s>{{ .Prompt }}", false, "Chat,TextGeneration")]
    [DataRow("[]", "{{ range .Messages }}{{ .Content }}{{ end }}", false, "Chat,TextGeneration")]
    [DataRow("[]", "{{ if .Tools }}{{ .Tools }}{{ end }}{{ .Prompt }}", false, "Chat,TextGeneration,ToolCalling")]
    [DataRow("[]", "{{ .ToolsOfOthers }}{{ .Prompt }}", false, "")]
    [DataRow("""["completion","vision"]""", "{{ .Prompt }}", false, "TextGeneration,VisionInput,MultiModalInput")]
    [DataRow("""["completion","vision"]""", "{{ .Prompt }}", true, "TextGeneration")]
    [DataRow("""["embedding"]""", "{{ .Prompt }}", false, "Embeddings")]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Prepare_TemplateAndCapabilities_SayWhatTheDeliveredFileCanDo(string capabilities, string template, bool hasProjector, string expected)
    {
        byte[] config = Encoding.UTF8.GetBytes($$"""{"model_format":"gguf","capabilities":{{capabilities}}}""");
        byte[] text = Encoding.UTF8.GetBytes(template);
        string weights = _ollama.AddBlob(GgufFile.Vector);
        (string, string, long)[] projector = hasProjector ? [("application/vnd.ollama.image.projector", weights, GgufFile.Vector.Length)] : [];
        _ollama.SetManifest("tiny:2b", FakeOllamaRegistry.Manifest(
            _ollama.AddBlob(config), config.Length,
            [(FakeOllamaRegistry.ModelLayer, weights, GgufFile.Vector.Length), ("application/vnd.ollama.image.template", _ollama.AddBlob(text), text.Length), .. projector]));
        await CreateAsync(Url);
        ResolvedModel resolved = (await _world.WaitForPhaseAsync("m", Phases.Ready, TestContext.CancellationToken)).Resolved!;
        Assert.AreEqual(expected, string.Join(',', (resolved.SupportedEndpointTypes ?? []).Concat(resolved.SupportedFeatures ?? [])));
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Prepare_DeclaredCapabilities_AreReportedInOllamasWords()
    {
        _ollama.Publish("tiny:2b", GgufFile.Vector, """{"model_format":"gguf","capabilities":["completion","tools","vision"]}""");
        await CreateAsync(Url);
        SourceCapabilities declared = (await _world.WaitForPhaseAsync("m", Phases.Ready, TestContext.CancellationToken)).Resolved!.SourceCapabilities!;
        Assert.AreEqual(SourceTypes.Ollama, declared.Provider);
        CollectionAssert.AreEqual(new[] { "completion" }, declared.Tasks!.ToArray());
        CollectionAssert.AreEqual(new[] { "tools", "vision" }, declared.Features!.ToArray());
    }

    [TestMethod]
    [DataRow("cut")]
    [DataRow("expired")]
    [DataRow("every address works once")]
    [DataRow("flipped once")]
    [DataRow("no ranges")]
    [DataRow("429")]
    [DataRow("503")]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Prepare_FaultsOnTheWay_EndInTheRightBytes(string fault)
    {
        _ollama.Publish("tiny:2b", Large);
        string weights = FakeOllamaRegistry.DigestOf(Large);
        _ollama.Cdn.HasRanges = fault != "no ranges";
        _ollama.Cdn.UsesOfUrl = fault == "every address works once" ? 1 : int.MaxValue;
        _ollama.Cdn.Fault = request => request.Path != weights ? null : (fault, request.Count) switch
        {
            ("cut", 2 or 3) => CdnFault.Cut,
            ("expired", 2) => CdnFault.Expired,
            ("flipped once", 3) => CdnFault.FlippedBit,
            _ => null,
        };
        int blobRequests = 0;
        _ollama.Refuse = path => !path.EndsWith(weights, StringComparison.Ordinal) || Interlocked.Increment(ref blobRequests) != 1 ? null
            : fault == "429" ? new OllamaRefusal(429, RetryAfter: "0")
            : fault == "503" ? new OllamaRefusal(503)
            : null;

        JsonObject model = await CreateAsync(Url);
        ModelStatus ready = await _world.WaitForPhaseAsync("m", Phases.Ready, TestContext.CancellationToken);
        Assert.IsTrue((await _world.ReadModelAsync(model, ready.Artifact!.Digest))[FileName].AsSpan().SequenceEqual(Large));
        Assert.IsGreaterThanOrEqualTo(fault is "429" or "503" or "expired" or "flipped once" ? 2 : 1, blobRequests);
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Prepare_WorkerEndsOnTheWay_NotedChunksAreNotFetchedAgain()
    {
        string pinned = _ollama.Publish("tiny:2b", Large);

        // What follows the first chunk never comes, until the controllers are others.
        _ollama.Cdn.Fault = request => request.Start >= ChunkSize ? CdnFault.Expired : null;
        JsonObject model = await CreateAsync(Url);
        string repository = $"models/{model["metadata"]!["uid"]}";
        await Eventually.GetAsync(
            () => _world.HasCheckpointOfAsync(repository, FileName, 1), isThere => isThere, "a noted chunk", TestContext.CancellationToken);
        await _world.StopControllersAsync();

        _ollama.Cdn.Fault = null;
        _ollama.Cdn.Requests.Clear();
        await StartControllersAsync();
        ModelStatus ready = await _world.WaitForPhaseAsync("m", Phases.Ready, TestContext.CancellationToken);

        CdnRequest[] again = [.. _ollama.Cdn.Requests.Where(request => request.Start < ChunkSize && request.End - request.Start > 512 * 1024)];
        Assert.IsEmpty(again, string.Join(", ", again.AsEnumerable()));
        Assert.AreEqual(pinned, ready.Source!.ResolvedRevision);
        Assert.IsTrue((await _world.ReadModelAsync(model, ready.Artifact!.Digest))[FileName].AsSpan().SequenceEqual(Large));
    }

    [TestMethod]
    [DataRow(true)]
    [DataRow(false)]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Prepare_TagMovesBeforeTheEnd_TheFrozenManifestIsTakenOrNone(bool canBeHadByDigest)
    {
        string pinned = _ollama.Publish("tiny:2b", Large);
        _ollama.Cdn.Fault = request => request.Start >= ChunkSize ? CdnFault.Expired : null;
        JsonObject model = await CreateAsync(Url);
        await Eventually.GetAsync(
            () => _world.HasCheckpointOfAsync($"models/{model["metadata"]!["uid"]}", FileName, 1), isThere => isThere, "a noted chunk", TestContext.CancellationToken);
        await _world.WaitAsync(
            Hosting.Kubernetes.ResourceTypes.Models, "m", state => (string?)state?["status"]?["source"]?["resolvedRevision"] == pinned, TestContext.CancellationToken);
        await _world.StopControllersAsync();

        _ollama.Cdn.Fault = null;
        if (canBeHadByDigest)
        {
            Assert.AreEqual(pinned, _ollama.Publish($"tiny:{pinned}", Large));
        }

        _ollama.Publish("tiny:2b", GgufFile.Vector);
        await StartControllersAsync();
        ModelStatus ended = await _world.WaitForPhaseAsync("m", canBeHadByDigest ? Phases.Ready : Phases.Failed, TestContext.CancellationToken);
        Assert.AreEqual(pinned, ended.Source!.ResolvedRevision);
        if (!canBeHadByDigest)
        {
            StringAssert.Contains(Ready(ended).Message, $"tiny:2b is not {pinned} any more");
        }
    }

    [TestMethod]
    [DataRow("no such tag", Reasons.PublicationFailed, "Ollama's library has no tiny:2b")]
    [DataRow("no JSON", Reasons.PublicationFailed, "it is no JSON")]
    [DataRow("half a surrogate", Reasons.PublicationFailed, "it is no JSON")]
    [DataRow("no layers", Reasons.PublicationFailed, "it has no list 'layers'")]
    [DataRow("no model layer", Reasons.PublicationFailed, "it has 0 layers of type application/vnd.ollama.image.model")]
    [DataRow("two model layers", Reasons.PublicationFailed, "it has 2 layers of type application/vnd.ollama.image.model")]
    [DataRow("empty weights", Reasons.PublicationFailed, "its weights have no bytes")]
    [DataRow("digest that is a path", Reasons.PublicationFailed, "layers[0].digest is 'sha256:../../x'")]
    [DataRow("tensors", Reasons.UnsupportedSource, "is stored as single tensors")]
    [DataRow("adapter", Reasons.UnsupportedSource, "is an adapter")]
    [DataRow("cloud", Reasons.UnsupportedSource, "runs at https://ollama.com:443 and has no weights")]
    [DataRow("wrong config", Reasons.PublicationFailed, "The config of tiny:2b arrived with digest")]
    [DataRow("config that is a list", Reasons.PublicationFailed, "The config of tiny:2b cannot be used")]
    [DataRow("wrong weights", Reasons.PublicationFailed, "model.gguf arrived with digest")]
    [DataRow("size too large", Reasons.PublicationFailed, "serves 320 bytes and 20000000 are promised")]
    [DataRow("no GGUF", Reasons.PublicationFailed, "does not begin with GGUF")]
    [DataRow("no weights", Reasons.PublicationFailed, "has no blob sha256:")]
    [DataRow("foreign realm", Reasons.PublicationFailed, "a token of auth.example, which is another host and is not asked")]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Prepare_UnusableModel_FailsAndSaysWhy(string what, string reason, string expected)
    {
        Break(what);
        await CreateAsync(Url);
        Condition failed = Ready(await _world.WaitForPhaseAsync("m", Phases.Failed, TestContext.CancellationToken));
        Assert.AreEqual(reason, failed.Reason);
        StringAssert.Contains(failed.Message, expected);
        Assert.IsFalse(_ollama.Requests.Any(request => request.Contains("..", StringComparison.Ordinal)));
    }

    [TestMethod]
    [DataRow("https://ollama.com/someone/model")]
    [DataRow("https://ollama.com/library/")]
    [DataRow("https://ollama.com/library/tiny/tags")]
    [DataRow("https://ollama.com/library/tiny:")]
    [DataRow("https://ollama.com/library/-tiny")]
    [DataRow("https://ollama.com/library/tiny%2f..%2fother")]
    [DataRow("https://ollama.com/library/tiny@sha256:00")]
    [DataRow("http://ollama.com/library/tiny")]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Prepare_MalformedUrl_IsUnsupportedAndNobodyIsAsked(string url)
    {
        await CreateAsync(url);
        Condition failed = Ready(await _world.WaitForPhaseAsync("m", Phases.Failed, TestContext.CancellationToken));
        Assert.AreEqual(Reasons.UnsupportedSource, failed.Reason);
        StringAssert.Contains(failed.Message, "is no model of Ollama's library");
        Assert.IsEmpty(_ollama.Requests);
    }

    [TestMethod]
    [DataRow("https://ollama.com/library/gemma", "gemma:latest")]
    [DataRow("https://www.ollama.com/library/qwen3:8b-q4_K_M", "qwen3:8b-q4_K_M")]
    [DataRow("https://ollama.com/library/llama3.2:1b/?a=b#readme", "llama3.2:1b")]
    public void Parse_UrlOfTheLibrary_GivesNameAndTag(string url, string expected) =>
        Assert.AreEqual(expected, OllamaReference.Parse(url, out _)?.ToString());

    private void Break(string what)
    {
        byte[] config = Encoding.UTF8.GetBytes(what switch
        {
            "cloud" => """{"remote_host":"https://ollama.com:443","remote_model":"tiny:2b"}""",
            "config that is a list" => "[]",
            _ => """{"model_format":"gguf"}""",
        });
        string configDigest = _ollama.AddBlob(what == "wrong config" ? "{}"u8.ToArray() : config, FakeOllamaRegistry.DigestOf(config));
        byte[] weights = what == "no GGUF" ? Encoding.UTF8.GetBytes("<!DOCTYPE html><html><body>no weights</body></html>") : GgufFile.Vector;
        string digest = FakeOllamaRegistry.DigestOf(weights);
        if (what != "no weights")
        {
            byte[] wrong = [.. weights];
            wrong[^1] ^= 1;
            _ollama.AddBlob(what == "wrong weights" ? wrong : weights, digest);
        }

        (string, string, long) model = (FakeOllamaRegistry.ModelLayer, digest, weights.Length);
        (string, string, long)[] layers = what switch
        {
            "no model layer" or "cloud" => [("application/vnd.ollama.image.license", digest, 1)],
            "two model layers" => [model, model],
            "empty weights" => [(FakeOllamaRegistry.ModelLayer, digest, 0)],
            "digest that is a path" => [(FakeOllamaRegistry.ModelLayer, "sha256:../../x", 1)],
            "tensors" => [("application/vnd.ollama.image.tensor", digest, 1), ("application/vnd.ollama.image.json", digest, 1)],
            "adapter" => [model, ("application/vnd.ollama.image.adapter", digest, 1)],
            "size too large" => [(FakeOllamaRegistry.ModelLayer, digest, 20_000_000)],
            _ => [model],
        };
        string manifest = what switch
        {
            "no JSON" => "<!DOCTYPE html>",
            "half a surrogate" => """{"config":{"digest":"\ud800"},"layers":[]}""",
            "no layers" => """{"schemaVersion":2}""",
            _ => FakeOllamaRegistry.Manifest(configDigest, config.Length, layers),
        };
        _ollama.SetManifest(what == "no such tag" ? "tiny:3b" : "tiny:2b", manifest);
        _ollama.Refuse = path => what == "foreign realm" ? new OllamaRefusal(401, """Bearer realm="https://auth.example/token",service="ollama.com",scope="repository:library/tiny:pull" """.Trim()) : null;
    }

    private static Condition Ready(ModelStatus status) => status.Conditions!.Single(condition => condition.Type == ConditionTypes.Ready);

    private Task<JsonObject> CreateAsync(string url) => _world.CreateAsync("m", new JsonObject { ["url"] = url });

    private Task StartControllersAsync() => _world.StartControllersAsync(options => options.OllamaEndpoint = _ollama.Endpoint);
}
