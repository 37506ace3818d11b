using System.Text;
using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Contracts.WellKnown;
using AiModels.Controllers.Preparation.Jobs;
using AiModels.Controllers.Tests.Preparation.Archives;
using AiModels.Controllers.Tests.Preparation.Formats;
using AiModels.Hosting.Kubernetes;
using AiModels.ModelPack.Oci;
using AiModels.TestKit;
using AiModels.TestKit.FakeHuggingFace;

namespace AiModels.Controllers.Tests.Preparation.Jobs;

/// <summary>Preparation by Jobs: the controllers watch, Pods carry the bytes and die.</summary>
[TestClass]
public sealed class PreparationJobTests
{
    private const string Url = "https://huggingface.co/" + FakeHub.Repository;

    private static readonly (string Path, byte[] Content)[] Model =
    [
        ("config.json", """{"model_type":"qwen2"}"""u8.ToArray()),
        ("model-00001-of-00002.safetensors", Shard("a", 12_000_000)),
        ("model-00002-of-00002.safetensors", Shard("b", 9_000_000)),
    ];

    private PreparationWorld _world = null!;
    private JobRunner _runner = null!;

    public TestContext TestContext { get; set; } = null!;

    [TestInitialize]
    public async Task StartAsync()
    {
        _world = await PreparationWorld.StartAsync(withControllers: false);
        _runner = new JobRunner(_world.Kubernetes);
    }

    [TestCleanup]
    public async Task StopAsync()
    {
        await _runner.DisposeAsync();
        await _world.DisposeAsync();
        Assert.IsEmpty(_runner.Broken, string.Join('\n', _runner.Broken));
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Prepare_UploadByAJob_BecomesReadyAndLeavesNothingBehind()
    {
        await StartControllersAsync();
        JsonObject model = await _world.CreateUploadAsync("m");
        await _world.ReceiveAsync(model, "m.zip", Pack.Zip(Model));
        ModelStatus ready = await _world.WaitForPhaseAsync("m", Phases.Ready, TestContext.CancellationToken);
        Assert.AreEqual("qwen2", ready.Resolved!.Family);
        Assert.AreEqual(SourceTypes.Upload, ready.Source!.ResolvedType);
        CollectionAssert.AreEquivalent(Model.Select(file => file.Path).ToArray(), (await _world.ReadModelAsync(model, ready.Artifact!.Digest)).Keys.ToArray());
        await GoneAsync((string)model["metadata"]!["uid"]!);
        Assert.AreEqual(1, _runner.Pods);
    }

    [TestMethod]
    [DataRow(0.25)]
    [DataRow(0.50)]
    [DataRow(0.90)]
    [Timeout(180_000, CooperativeCancellation = true)]
    public async Task Prepare_PodKilledOnTheWay_GoesOnAndEndsWithTheSameDigest(double fraction)
    {
        await using FakeHub hub = await FakeHub.StartAsync(Model);
        await StartControllersAsync(hub);
        await _world.CreateAsync("undisturbed", new JsonObject { ["url"] = Url });
        string expected = (await _world.WaitForPhaseAsync("undisturbed", Phases.Ready, TestContext.CancellationToken)).Artifact!.Digest;
        int before = _runner.Pods;

        JsonObject model = await _world.CreateAsync("killed", new JsonObject { ["url"] = Url });
        string repository = $"models/{model["metadata"]!["uid"]}";
        await Eventually.GetAsync(
            async () => await _world.Registry.ResolveAsync(repository, WellKnownTags.Model, TestContext.CancellationToken) is not null
                || (_world.Progress.TryGetValue("killed", out ModelProgress? report) && report is { BytesExpected: > 0 } && report.BytesReceived >= fraction * report.BytesExpected),
            reached => reached, $"{fraction:p0} of the bytes have come", TestContext.CancellationToken);
        _runner.Kill();

        ModelStatus ready = await _world.WaitForPhaseAsync("killed", Phases.Ready, TestContext.CancellationToken);
        Assert.AreEqual(expected, ready.Artifact!.Digest);
        Assert.IsNotNull(ready.Source!.ResolvedRevision);
        Assert.IsGreaterThan(before, _runner.Pods);
        await GoneAsync((string)model["metadata"]!["uid"]!);
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Prepare_ControllersReplacedWhileTheJobRuns_TakeItOver()
    {
        await using FakeHub hub = await FakeHub.StartAsync(Model);
        await StartControllersAsync(hub);
        JsonObject model = await _world.CreateAsync("m", new JsonObject { ["url"] = Url });
        await _world.WaitForPhaseAsync("m", Phases.Publishing, TestContext.CancellationToken);
        await _world.StopControllersAsync();
        await StartControllersAsync(hub);
        await _world.WaitForPhaseAsync("m", Phases.Ready, TestContext.CancellationToken);
        await GoneAsync((string)model["metadata"]!["uid"]!);
        Assert.AreEqual(1, _runner.Pods);
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Prepare_BadModel_FailsOnceWithTheReasonOfTheStage()
    {
        await StartControllersAsync();
        JsonObject model = await _world.CreateUploadAsync("bad");
        await _world.ReceiveAsync(model, "cut.gguf", GgufFile.Vector[..310]);
        ModelStatus failed = await _world.WaitForPhaseAsync("bad", Phases.Failed, TestContext.CancellationToken);
        StringAssert.Contains(failed.Conditions!.Single(condition => condition.Type == ConditionTypes.Ready).Message, "cut short");
        await GoneAsync((string)model["metadata"]!["uid"]!);
        Assert.AreEqual(1, _runner.Pods);
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Prepare_PrivateRepository_HandsTheTokenOverInTheTaskAlone()
    {
        await using FakeHub hub = await FakeHub.StartAsync(Model);
        hub.Model.Token = "hf_secret";
        await StartControllersAsync(hub);
        await _world.Kubernetes.CreateAsync(ResourceTypes.Secrets, new JsonObject
        {
            ["metadata"] = new JsonObject { ["name"] = "hf", ["namespace"] = "ns" },
            ["data"] = new JsonObject { ["HF_TOKEN"] = Convert.ToBase64String(Encoding.UTF8.GetBytes("hf_secret\n")) },
        }, null, TestContext.CancellationToken);
        JsonObject model = await _world.CreateAsync("m", new JsonObject { ["url"] = Url, ["authSecretRef"] = new JsonObject { ["name"] = "hf" } });
        await _world.WaitForPhaseAsync("m", Phases.Ready, TestContext.CancellationToken);
        Assert.IsFalse(_world.Kubernetes.All(ResourceTypes.Jobs).Any(job => job.ToJsonString().Contains("hf_secret", StringComparison.Ordinal)), "a Job is no place for a secret");
        await GoneAsync((string)model["metadata"]!["uid"]!);
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Delete_WhileTheJobRuns_TakesJobAndSecretAway()
    {
        await using FakeHub hub = await FakeHub.StartAsync(Model);
        hub.RateLimited = 1000;
        await StartControllersAsync(hub);
        JsonObject model = await _world.CreateAsync("m", new JsonObject { ["url"] = Url });
        await _world.WaitAsync(ResourceTypes.Jobs, Name(model), job => job is not null, TestContext.CancellationToken);
        await _world.Kubernetes.DeleteAsync(ResourceTypes.Models, "ns", "m", null, null, TestContext.CancellationToken);
        await _world.WaitAsync(ResourceTypes.Models, "m", state => state is null, TestContext.CancellationToken);
        Assert.IsNull(_world.Kubernetes.Find(ResourceTypes.Jobs, Namespaces.Module, Name(model)));
        Assert.IsNull(_world.Kubernetes.Find(ResourceTypes.Secrets, Namespaces.Module, Name(model)));
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Job_OfAModel_IsRestrictedAndBounded()
    {
        await StartControllersAsync();
        JsonObject model = await _world.CreateUploadAsync("m");
        await _world.ReceiveAsync(model, "m.zip", Pack.Zip(Model));
        JsonObject job = (await _world.WaitAsync(ResourceTypes.Jobs, Name(model), found => found is not null, TestContext.CancellationToken))!;
        JsonNode pod = job["spec"]!["template"]!["spec"]!;
        JsonNode container = pod["containers"]![0]!;
        Assert.AreEqual(Namespaces.Module, (string?)job["metadata"]!["namespace"]);
        Assert.AreEqual("ai-models-preparation", (string?)pod["serviceAccountName"]);
        Assert.AreEqual("Never", (string?)pod["restartPolicy"]);
        Assert.IsTrue((bool?)pod["securityContext"]!["runAsNonRoot"]);
        Assert.AreEqual("RuntimeDefault", (string?)pod["securityContext"]!["seccompProfile"]!["type"]);
        Assert.AreEqual("""{"allowPrivilegeEscalation":false,"readOnlyRootFilesystem":true,"capabilities":{"drop":["ALL"]}}""", container["securityContext"]!.ToJsonString());
        Assert.AreEqual("1Gi", (string?)container["resources"]!["limits"]!["memory"]);
        Assert.AreEqual(6, (int?)job["spec"]!["backoffLimit"]);
        Assert.AreEqual(3600, (int?)job["spec"]!["ttlSecondsAfterFinished"]);
        await _world.WaitForPhaseAsync("m", Phases.Ready, TestContext.CancellationToken);
    }

    private static byte[] Shard(string name, int dataLength)
    {
        byte[] file = SafetensorsTests.File($$$"""{"{{{name}}}":{"dtype":"U8","shape":[{{{dataLength}}}],"data_offsets":[0,{{{dataLength}}}]}}""", dataLength);
        new Random(dataLength).NextBytes(file.AsSpan(file.Length - dataLength));
        return file;
    }

    private static string Name(JsonObject model) => PreparationJob.NameFor((string)model["metadata"]!["uid"]!);

    private Task StartControllersAsync(FakeHub? hub = null) => _world.StartControllersAsync(options =>
    {
        options.Preparation = PreparationModes.Jobs;
        options.HuggingfaceEndpoint = hub?.Endpoint ?? options.HuggingfaceEndpoint;
    });

    /// <summary>Nothing of the preparation is left: neither Job nor Secret nor notes.</summary>
    private async Task GoneAsync(string uid)
    {
        string name = PreparationJob.NameFor(uid);
        await Eventually.GetAsync(
            async () => _world.Kubernetes.Find(ResourceTypes.Jobs, Namespaces.Module, name) is null
                && _world.Kubernetes.Find(ResourceTypes.Secrets, Namespaces.Module, name) is null
                && await _world.Registry.ResolveAsync($"models/{uid}", PreparationOutcome.Tag, TestContext.CancellationToken) is null,
            gone => gone, "Job, Secret and notes are gone", TestContext.CancellationToken);
    }
}
