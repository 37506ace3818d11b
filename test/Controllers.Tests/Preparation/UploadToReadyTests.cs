using System.Formats.Tar;

using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Contracts.WellKnown;
using AiModels.Controllers.Tests.Preparation.Archives;
using AiModels.Controllers.Tests.Preparation.Formats;
using AiModels.Hosting.Kubernetes;
using AiModels.ModelPack.Oci;

namespace AiModels.Controllers.Tests.Preparation;

[TestClass]
public sealed class UploadToReadyTests
{
    private static readonly byte[] Weights = SafetensorsTests.File("""{"t":{"dtype":"F16","shape":[1000,50],"data_offsets":[0,100000]}}""", 100_000);

    private static readonly (string Path, byte[] Content)[] Model =
    [
        ("m/config.json", """{"model_type":"qwen2","architectures":["Qwen2ForCausalLM"],"max_position_embeddings":4096}"""u8.ToArray()),
        ("m/model.safetensors", Weights),
        ("m/modeling_x.py", "print()"u8.ToArray()),
        ("m/pytorch_model.bin", [1, 2, 3]),
        ("m/libx.so", [1]),
    ];

    private PreparationWorld _world = null!;

    public TestContext TestContext { get; set; } = null!;

    [TestInitialize]
    public async Task StartAsync() => _world = await PreparationWorld.StartAsync();

    [TestCleanup]
    public async Task StopAsync() => await _world.DisposeAsync();

    [TestMethod]
    [Timeout(30_000, CooperativeCancellation = true)]
    public async Task Upload_Gguf_BecomesReadyWithoutCopyingAByte()
    {
        JsonObject model = await _world.CreateUploadAsync("tiny");
        ModelStatus waiting = await _world.WaitForPhaseAsync("tiny", Phases.WaitForUpload, TestContext.CancellationToken);
        Assert.AreEqual("tiny-upload", waiting.Upload!.SecretName);
        Assert.AreEqual("ns", waiting.Upload.SecretNamespace);
        JsonObject secret = _world.Kubernetes.Find(ResourceTypes.Secrets, "ns", "tiny-upload")!;
        Assert.AreEqual("https://api/tiny/upload", PreparationWorld.SecretText(secret, SecretKeys.UploadUrl));
        Assert.AreEqual((string?)model["metadata"]!["uid"], (string?)secret["metadata"]!["ownerReferences"]![0]!["uid"]);
        JsonObject role = _world.Kubernetes.Find(ResourceTypes.Roles, "ns", "ai-model-upload-reader-tiny")!;
        Assert.AreEqual("""[{"apiGroups":[""],"resources":["secrets"],"resourceNames":["tiny-upload"],"verbs":["get"]}]""", role["rules"]!.ToJsonString());

        byte[] file = new GgufFile().With("general.architecture", "llama").With("llama.context_length", 8192u).With("general.file_type", 1u)
            .Tensor("a.weight", 1024, 1024, 20).Bytes();
        await _world.ReceiveAsync(model, "my-llama.gguf", file);
        long storedBefore = _world.StoredBytes;
        ModelStatus ready = await _world.WaitForPhaseAsync("tiny", Phases.Ready, TestContext.CancellationToken);

        Assert.AreEqual("100%", ready.Progress);
        Assert.AreEqual("GGUF", ready.Resolved!.Format);
        Assert.AreEqual(8192, ready.Resolved.ContextWindowTokens);
        Assert.AreEqual("Upload", ready.Source!.ResolvedType);
        Assert.AreEqual(file.Length, ready.Artifact!.SizeBytes);
        Assert.AreEqual(MediaTypes.ModelManifest, ready.Artifact.MediaType);
        Assert.AreEqual(ConditionStatus.True, ready.Conditions!.Single(condition => condition.Type == ConditionTypes.Ready).Status);
        Dictionary<string, byte[]> files = await _world.ReadModelAsync(model, ready.Artifact.Digest);
        Assert.IsTrue(files["my-llama.gguf"].AsSpan().SequenceEqual(file));
        Assert.IsLessThan(20_000, _world.StoredBytes - storedBefore, "manifest, config and nothing else");

        await _world.WaitAsync(ResourceTypes.Secrets, "tiny-upload", state => state is null, TestContext.CancellationToken);
        Assert.IsNull(await _world.Registry.ResolveAsync($"models/{model["metadata"]!["uid"]}", WellKnownTags.Upload, TestContext.CancellationToken));
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Upload_EveryArchiveOfTheSameFiles_GivesTheSameDigest()
    {
        var archives = new Dictionary<string, byte[]>
        {
            ["m.tar"] = Pack.Tar(TarEntryFormat.Gnu, Model),
            ["m.tar.gz"] = Pack.Gzip(Pack.Tar([.. Model.Reverse()])),
            ["m.tzst"] = Pack.Zstd(Pack.Tar(Model)),
            ["m.zip"] = Pack.Zip(Model),
        };
        var digests = new HashSet<string>();
        foreach ((string name, byte[] content) in archives)
        {
            string modelName = name.Replace('.', '-');
            JsonObject model = await _world.CreateUploadAsync(modelName);
            await _world.ReceiveAsync(model, name, content);
            ModelStatus ready = await _world.WaitForPhaseAsync(modelName, Phases.Ready, TestContext.CancellationToken);
            digests.Add(ready.Artifact!.Digest);

            Dictionary<string, byte[]> files = await _world.ReadModelAsync(model, ready.Artifact.Digest);
            CollectionAssert.AreEquivalent(new[] { "config.json", "model.safetensors", "modeling_x.py" }, files.Keys.ToArray(), name);
            Assert.IsTrue(files["model.safetensors"].AsSpan().SequenceEqual(Weights), name);
            Assert.AreEqual("qwen2", ready.Resolved!.Family);
            Condition code = ready.Conditions!.Single(condition => condition.Type == ConditionTypes.CustomCode);
            StringAssert.Contains(code.Message, "modeling_x.py");
        }

        Assert.HasCount(1, digests);
        JsonObject leftOut = await Event(Reasons.FilesLeftOut);
        StringAssert.Contains((string)leftOut["message"]!, "libx.so (programs and shared libraries are not part of a model)");
    }

    [TestMethod]
    [DataRow("cut.gguf", "cut short")]
    [DataRow("traversal.zip", "..")]
    [DataRow("nothing.tar", "No model was found")]
    [DataRow("lie.tar.gz", "cut short")]
    [DataRow("noise.bin", "neither a GGUF file nor one of the archives")]
    [Timeout(30_000, CooperativeCancellation = true)]
    public async Task Upload_BadContent_FailsWithWordsAndLeavesNothingBehind(string name, string expected)
    {
        byte[] content = name switch
        {
            "cut.gguf" => GgufFile.Vector[..310],
            "traversal.zip" => Pack.Zip([.. Model, ("../x.txt", [1])]),
            "nothing.tar" => Pack.Tar(("readme.txt", [1])),
            "lie.tar.gz" => Pack.Gzip(Pack.Tar(("config.json", "{}"u8.ToArray()), ("model.safetensors", Weights[..^1]))),
            _ => Pack.Noise(5000, 1),
        };
        JsonObject model = await _world.CreateUploadAsync("bad");
        await _world.ReceiveAsync(model, name, content);
        ModelStatus failed = await _world.WaitForPhaseAsync("bad", Phases.Failed, TestContext.CancellationToken);

        Condition ready = failed.Conditions!.Single(condition => condition.Type == ConditionTypes.Ready);
        StringAssert.Contains(ready.Message, expected);
        Assert.AreEqual(ConditionStatus.False, ready.Status);
        Assert.IsNull(failed.Artifact);
        JsonObject warning = await Event(ready.Reason);
        Assert.AreEqual("Warning", (string?)warning["type"]);
        await _world.WaitAsync(ResourceTypes.Secrets, "bad-upload", state => state is null, TestContext.CancellationToken);

        // The content is dropped, and the next model is none the worse for it.
        JsonObject good = await _world.CreateUploadAsync("good");
        await _world.ReceiveAsync(good, "m.zip", Pack.Zip(Model));
        await _world.WaitForPhaseAsync("good", Phases.Ready, TestContext.CancellationToken);
        while (await _world.Registry.ResolveAsync($"models/{model["metadata"]!["uid"]}", WellKnownTags.Upload, TestContext.CancellationToken) is not null)
        {
            await Task.Yield();
        }
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Upload_ControllersAndRegistryKilledOnTheWay_BecomesReadyWithTheSameDigest()
    {
        // 40 MiB in three files: several chunks, most of them already on their way when the end comes.
        (string Path, byte[] Content)[] files =
        [
            ("config.json", "{}"u8.ToArray()),
            ("model-00001-of-00002.safetensors", Shard(1, 20_000_000)),
            ("model-00002-of-00002.safetensors", Shard(2, 18_000_000)),
        ];
        byte[] archive = Pack.Gzip(Pack.Tar(files));
        JsonObject undisturbed = await _world.CreateUploadAsync("undisturbed");
        await _world.ReceiveAsync(undisturbed, "m.tgz", archive);
        string expected = (await _world.WaitForPhaseAsync("undisturbed", Phases.Ready, TestContext.CancellationToken)).Artifact!.Digest;

        JsonObject model = await _world.CreateUploadAsync("disturbed");
        await _world.ReceiveAsync(model, "m.tgz", archive);
        await _world.WaitForPhaseAsync("disturbed", Phases.Publishing, TestContext.CancellationToken);
        await _world.StopControllersAsync();
        await _world.StopRegistryAsync();
        await _world.StartControllersAsync();
        await _world.WaitAsync(ResourceTypes.Models, "disturbed", state => Message(state).Contains("tried again", StringComparison.Ordinal), TestContext.CancellationToken);
        await _world.StartRegistryAsync();

        ModelStatus ready = await _world.WaitForPhaseAsync("disturbed", Phases.Ready, TestContext.CancellationToken);
        Assert.AreEqual(expected, ready.Artifact!.Digest);
    }

    [TestMethod]
    [Timeout(30_000, CooperativeCancellation = true)]
    public async Task Delete_ReadyModel_QueuesItsContentAndLetsItGoEvenAfterTheRegistryWasDown()
    {
        JsonObject model = await _world.CreateUploadAsync("gone");
        await _world.ReceiveAsync(model, "m.zip", Pack.Zip(Model));
        await _world.WaitForPhaseAsync("gone", Phases.Ready, TestContext.CancellationToken);
        await _world.StopRegistryAsync();
        await _world.Kubernetes.DeleteAsync(ResourceTypes.Models, "ns", "gone", null, null, TestContext.CancellationToken);
        ModelStatus deleting = await _world.WaitForPhaseAsync("gone", Phases.Deleting, TestContext.CancellationToken);
        StringAssert.Contains(deleting.Conditions!.Single(condition => condition.Type == ConditionTypes.Ready).Message, "cannot be queued for cleanup yet");

        await _world.StartRegistryAsync();
        await _world.WaitAsync(ResourceTypes.Models, "gone", state => state is null, TestContext.CancellationToken);
        Assert.IsNull(await _world.Registry.ResolveAsync($"models/{model["metadata"]!["uid"]}", WellKnownTags.Model, TestContext.CancellationToken));
    }

    /// <summary>Kubernetes deletes RoleBindings and Models of a namespace in no order, and makes no new binding there.</summary>
    [TestMethod]
    [Timeout(30_000, CooperativeCancellation = true)]
    public async Task G8_Delete_WithItsNamespaceAfterOurRightsWent_LosesItsFinalizer()
    {
        await _world.CreateUploadAsync("swept");
        await _world.WaitForPhaseAsync("swept", Phases.WaitForUpload, TestContext.CancellationToken);
        _world.Kubernetes.Fault = call => call.Contains(" secrets/ns/", StringComparison.Ordinal) || call.Contains(" roles/ns/", StringComparison.Ordinal)
            ? KubernetesRefusals.NamespaceTerminating("rolebindings", "ns")
            : null;

        await _world.Kubernetes.DeleteAsync(ResourceTypes.Models, "ns", "swept", null, null, TestContext.CancellationToken);

        await _world.WaitAsync(ResourceTypes.Models, "swept", state => state is null, TestContext.CancellationToken);
        Assert.IsNotNull(_world.Kubernetes.Find(ResourceTypes.Secrets, "ns", "swept-upload"), "it goes with the namespace, not by our hand");
    }

    [TestMethod]
    [Timeout(30_000, CooperativeCancellation = true)]
    public async Task Session_Expired_IsSaidAndANewOneGetsItsTokenIntoTheSameSecret()
    {
        JsonObject model = await _world.CreateAsync("late", new JsonObject { ["upload"] = new JsonObject() }, isCluster: true);
        await _world.WaitForPhaseAsync("late", Phases.WaitForUpload, TestContext.CancellationToken, isCluster: true);
        await _world.SetSessionAsync(model, new UploadSessionStatus { State = UploadStates.Expired, Url = "https://api/late/upload" }, isCluster: true);
        JsonObject? expired = await _world.WaitAsync(ResourceTypes.ClusterModels, "late", state => Message(state).Contains("has expired", StringComparison.Ordinal), TestContext.CancellationToken);
        Assert.AreEqual(Phases.WaitForUpload, (string?)expired!["status"]!["phase"]);

        await _world.SetSessionAsync(model, new UploadSessionStatus { State = UploadStates.Waiting, Url = "https://api/late/upload", Token = "new-token" }, isCluster: true);
        JsonObject? secret = await _world.WaitAsync(
            ResourceTypes.Secrets, "late-clusterupload", state => state is not null && PreparationWorld.SecretText(state, SecretKeys.UploadToken) == "new-token", TestContext.CancellationToken);
        Assert.AreEqual(Namespaces.Module, (string?)secret!["metadata"]!["namespace"]);
    }

    [TestMethod]
    [DataRow(false)]
    [DataRow(true)]
    [Timeout(30_000, CooperativeCancellation = true)]
    public async Task Upload_SecretOfSomebodyElseHasTheName_IsHeldAndTheSecretIsNeverTouched(bool isOfAnEarlierModel)
    {
        var labels = isOfAnEarlierModel
            ? new JsonObject { [Labels.ManagedBy] = Labels.ManagedByValue, [Labels.ModelUid] = "another" }
            : null;
        JsonObject theirs = await _world.Kubernetes.CreateAsync(ResourceTypes.Secrets, new JsonObject
        {
            ["metadata"] = new JsonObject { ["name"] = "mine-upload", ["namespace"] = "ns", ["labels"] = labels },
            ["data"] = new JsonObject { ["password"] = "cHc=" },
        }, null, TestContext.CancellationToken);

        JsonObject model = await _world.CreateUploadAsync("mine");
        ModelStatus held = await _world.WaitForPhaseAsync("mine", Phases.WaitForUpload, TestContext.CancellationToken);
        Condition ready = held.Conditions!.Single(condition => condition.Type == ConditionTypes.Ready);
        Assert.AreEqual(Reasons.UploadAccessConflict, ready.Reason);
        StringAssert.Contains(ready.Message, "Secret mine-upload in the namespace ns");
        Assert.IsNull(held.Upload);
        Assert.AreEqual("Warning", (string?)(await Event(Reasons.UploadAccessConflict))["type"]);

        // The token of a session can be had at the subresource too; the end of the upload must not take the Secret away.
        await _world.ReceiveAsync(model, "m.zip", Pack.Zip(Model));
        await _world.WaitForPhaseAsync("mine", Phases.Ready, TestContext.CancellationToken);
        await _world.Kubernetes.DeleteAsync(ResourceTypes.Models, "ns", "mine", null, null, TestContext.CancellationToken);
        await _world.WaitAsync(ResourceTypes.Models, "mine", state => state is null, TestContext.CancellationToken);
        JsonObject? left = _world.Kubernetes.Find(ResourceTypes.Secrets, "ns", "mine-upload");
        Assert.IsTrue(JsonNode.DeepEquals(theirs, left), left?.ToJsonString());
    }

    [TestMethod]
    [Timeout(30_000, CooperativeCancellation = true)]
    public async Task Upload_ClusterModelAndModelOfTheSameName_ShareNoSecretAndNoRole()
    {
        var upload = new JsonObject { ["upload"] = new JsonObject() };
        await _world.CreateAsync("same", upload, isCluster: true);
        await _world.WaitForPhaseAsync("same", Phases.WaitForUpload, TestContext.CancellationToken, isCluster: true);
        JsonObject role = _world.Kubernetes.Find(ResourceTypes.Roles, Namespaces.Module, "ai-clustermodel-upload-reader-same")!;
        Assert.AreEqual("same-clusterupload", (string?)role["rules"]![0]!["resourceNames"]![0]);
        Assert.IsNotNull(_world.Kubernetes.Find(ResourceTypes.Secrets, Namespaces.Module, "same-clusterupload"));
    }

    [TestMethod]
    [Timeout(30_000, CooperativeCancellation = true)]
    public async Task Progress_OfAModelThatHasSettled_EndsWithItsPhase()
    {
        JsonObject good = await _world.CreateUploadAsync("good");
        await _world.ReceiveAsync(good, "m.zip", Pack.Zip(Model));
        await _world.WaitForPhaseAsync("good", Phases.Ready, TestContext.CancellationToken);
        await ReportAsync("good", Phases.Ready);
        Assert.AreEqual("100%", _world.Progress["good"].Progress);

        JsonObject bad = await _world.CreateUploadAsync("bad");
        await _world.ReceiveAsync(bad, "cut.gguf", GgufFile.Vector[..310]);
        await _world.WaitForPhaseAsync("bad", Phases.Failed, TestContext.CancellationToken);
        await ReportAsync("bad", Phases.Failed);
    }

    [TestMethod]
    [Timeout(30_000, CooperativeCancellation = true)]
    public async Task Create_SourceNobodyHandles_FailsAsUnsupported()
    {
        await _world.CreateAsync("other", new JsonObject { ["catalog"] = new JsonObject { ["name"] = "x" } });
        ModelStatus failed = await _world.WaitForPhaseAsync("other", Phases.Failed, TestContext.CancellationToken);
        Assert.AreEqual(Reasons.UnsupportedSource, failed.Conditions!.Single(condition => condition.Type == ConditionTypes.Ready).Reason);
    }

    [TestMethod]
    [Timeout(30_000, CooperativeCancellation = true)]
    public async Task Status_OnTheWay_NeverGoesBackAndIsNotWrittenInALoop()
    {
        JsonObject model = await _world.CreateUploadAsync("calm");
        await _world.ReceiveAsync(model, "m.zip", Pack.Zip(Model));
        await _world.WaitForPhaseAsync("calm", Phases.Ready, TestContext.CancellationToken);
        await _world.WaitAsync(ResourceTypes.Secrets, "calm-upload", state => state is null, TestContext.CancellationToken);

        int writes = _world.Kubernetes.Writes.Count(write => write == "update models/ns/calm/status");
        Assert.IsLessThanOrEqualTo(8, writes, string.Join('\n', _world.Kubernetes.Writes));
    }

    private static byte[] Shard(int seed, int dataLength)
    {
        byte[] file = SafetensorsTests.File($$$"""{"t{{{seed}}}":{"dtype":"U8","shape":[{{{dataLength}}}],"data_offsets":[0,{{{dataLength}}}]}}""", dataLength);
        new Random(seed).NextBytes(file.AsSpan(file.Length - dataLength));
        return file;
    }

    private static string Message(JsonObject? model) =>
        (string?)(model?["status"]?["conditions"] as JsonArray)?.FirstOrDefault(condition => (string?)condition!["type"] == ConditionTypes.Ready)?["message"] ?? "";

    private async Task ReportAsync(string name, string stage)
    {
        while (!_world.Progress.TryGetValue(name, out ModelProgress? report) || report.Stage != stage)
        {
            TestContext.CancellationToken.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    private async Task<JsonObject> Event(string reason)
    {
        while (true)
        {
            TestContext.CancellationToken.ThrowIfCancellationRequested();
            if (_world.Kubernetes.All(ResourceTypes.Events).FirstOrDefault(found => (string?)found["reason"] == reason) is { } found)
            {
                return found;
            }

            await Task.Yield();
        }
    }
}
