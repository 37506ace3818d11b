using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Integrity;
using AiModels.Controllers.Tests.Preparation;
using AiModels.Controllers.Tests.Preparation.Formats;
using AiModels.Hosting.Kubernetes;
using AiModels.ModelPack;
using AiModels.ModelPack.Chunking;
using AiModels.TestKit;
using AiModels.TestKit.FakeHuggingFace;
using Microsoft.Extensions.DependencyInjection;

namespace AiModels.Controllers.Tests.Integrity;

/// <summary>Content of a Ready model that the registry has lost: the conditions tell, and exactly that is fetched again.</summary>
[TestClass]
public sealed class ContentRepairTests
{
    // Three chunks, the last of them small.
    private static readonly byte[] Weights = Compressible(36_000_000);

    private FakeHub? _hub;
    private PreparationWorld _world = null!;

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Token => TestContext.CancellationToken;

    [TestInitialize]
    public async Task StartAsync()
    {
        _hub = await FakeHub.StartAsync(("config.json", """{"model_type":"qwen2","architectures":["Qwen2ForCausalLM"]}"""u8.ToArray()), ("model.safetensors", Weights));
        _world = await PreparationWorld.StartAsync(withControllers: false);
        await _world.StartControllersAsync(options => options.HuggingfaceEndpoint = _hub.Endpoint);
    }

    [TestCleanup]
    public async Task StopAsync()
    {
        await _world.DisposeAsync();
        await _hub!.DisposeAsync();
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Lost_ChunkOfAHubsModel_IsFetchedAloneAndTheConditionTellsBoth()
    {
        JsonObject model = await _world.CreateAsync("m", new JsonObject { ["url"] = "https://huggingface.co/" + FakeHub.Repository });
        ModelStatus ready = await _world.WaitForPhaseAsync("m", Phases.Ready, Token);
        Assert.IsFalse(ready.Conditions!.Any(condition => condition.Type == ConditionTypes.Intact), "nothing was ever lost");
        ChunkEntry chunk = (await ChunksAsync(model, ready))[1];
        await _world.LoseAsync(chunk.StoredDigest, Token);
        _hub!.Cdn.Requests.Clear();

        await LookAsync();
        Condition intact = await WaitForIntactAsync("m", ConditionStatus.True);

        Assert.AreEqual(Reasons.ContentRestored, intact.Reason);
        Assert.IsTrue((await _world.ReadModelAsync(model, ready.Artifact!.Digest))["model.safetensors"].AsSpan().SequenceEqual(Weights));
        Assert.IsTrue(_hub.Cdn.Requests.All(request => request.Start >= chunk.Offset && request.Start < chunk.End), string.Join('\n', _hub.Cdn.Requests));
        await Eventually.GetAsync(
            () => Task.FromResult(_world.Kubernetes.All(ResourceTypes.Events).Select(document => $"{document["type"]} {document["reason"]}").ToArray()),
            events => events.Contains($"Warning {Reasons.ContentLost}") && events.Contains($"Normal {Reasons.ContentRestored}"),
            "both are Events",
            Token);
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Lost_WhileTheSourceHasOtherBytes_StaysLostAndSaysWhy()
    {
        JsonObject model = await _world.CreateAsync("m", new JsonObject { ["url"] = "https://huggingface.co/" + FakeHub.Repository });
        ModelStatus ready = await _world.WaitForPhaseAsync("m", Phases.Ready, Token);
        ChunkEntry chunk = (await ChunksAsync(model, ready))[0];
        _hub!.Cdn.Fault = _ => CdnFault.FlippedBit;
        await _world.LoseAsync(chunk.StoredDigest, Token);

        await LookAsync();
        Condition intact = await WaitForIntactAsync("m", ConditionStatus.False, "is not what it was at its source");

        StringAssert.Contains(intact.Message, "model.safetensors");
        Assert.AreEqual(Reasons.ContentLost, intact.Reason);
        Assert.IsNull(await _world.Registry.HeadBlobAsync($"models/{model["metadata"]!["uid"]}", chunk.StoredDigest, Token), "wrong bytes are not stored");
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Lost_ChunkOfAnUpload_StaysLostUntilEqualContentComes()
    {
        byte[] file = GgufFile.Vector;
        JsonObject model = await _world.CreateUploadAsync("m");
        await _world.ReceiveAsync(model, "m.gguf", file);
        ModelStatus ready = await _world.WaitForPhaseAsync("m", Phases.Ready, Token);
        await _world.LoseAsync((await ChunksAsync(model, ready))[0].StoredDigest, Token);

        await LookAsync();
        Condition lost = await WaitForIntactAsync("m", ConditionStatus.False, "came by upload");
        Assert.AreEqual(Reasons.ContentLost, lost.Reason);

        await _world.ReceiveAsync(await _world.CreateUploadAsync("again"), "m.gguf", file);
        await _world.WaitForPhaseAsync("again", Phases.Ready, Token);
        await LookAsync();
        await WaitForIntactAsync("m", ConditionStatus.True);
    }

    private static byte[] Compressible(int length)
    {
        byte[] file = SafetensorsTests.File($$$"""{"w":{"dtype":"U8","shape":[{{{length}}}],"data_offsets":[0,{{{length}}}]}}""", length);
        var random = new Random(5);
        for (int i = file.Length - length; i < file.Length; i++)
        {
            file[i] = (byte)random.Next(16);
        }

        return file;
    }

    private async Task<IReadOnlyList<ChunkEntry>> ChunksAsync(JsonObject model, ModelStatus ready)
    {
        ModelPackReader reader = await ModelPackReader.OpenAsync(_world.Registry, $"models/{model["metadata"]!["uid"]}", ready.Artifact!.Digest, Token);
        return reader.Files.OrderByDescending(file => file.Length).First().Chunks;
    }

    /// <summary>The reconciler has seen that the model is Ready, and then the minute is over.</summary>
    private async Task LookAsync()
    {
        var watch = _world.Services.GetRequiredService<ContentWatch>();
        await Eventually.GetAsync(() => Task.FromResult(watch.Count), count => count > 0, "the model is watched", Token);
        await watch.LookAsync(Token);
    }

    private async Task<Condition> WaitForIntactAsync(string name, string status, string words = "")
    {
        JsonObject? model = await _world.WaitAsync(ResourceTypes.Models, name, state => Find(state) is { } found && found.Status == status && found.Message.Contains(words, StringComparison.Ordinal), Token);
        return Find(model)!;

        static Condition? Find(JsonObject? state) =>
            state?["status"].Deserialize<ModelStatus>(ContractsJson.Options)?.Conditions?.FirstOrDefault(condition => condition.Type == ConditionTypes.Intact);
    }
}
