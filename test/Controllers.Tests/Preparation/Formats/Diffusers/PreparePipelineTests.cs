using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Tests.Preparation.Archives;
using AiModels.Controllers.Tests.Preparation.Formats.Pickle;
using AiModels.TestKit.FakeHuggingFace;

namespace AiModels.Controllers.Tests.Preparation.Formats.Diffusers;

/// <summary>Pipelines on their whole way, from an upload or a hub to Ready or Failed.</summary>
[TestClass]
public sealed class PreparePipelineTests
{
    private static readonly byte[] Attack = TorchZip.Of(Convert.FromHexString(PickleVectors.Attacks[4]));

    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    [DataRow("m.zip")]
    [DataRow("m.tar")]
    [DataRow("m.tar.gz")]
    [DataRow("m.tar.zst")]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Upload_PipelineWithPickledWeights_IsScannedInEveryArchive(string fileName)
    {
        await using PreparationWorld world = await PreparationWorld.StartAsync();
        JsonObject good = await world.CreateUploadAsync("good");
        await world.ReceiveAsync(good, fileName, Archive(fileName, TorchZip.Of(TorchZip.StateDict())));
        ModelStatus ready = await world.WaitForPhaseAsync("good", Phases.Ready, TestContext.CancellationToken);
        Assert.AreEqual(ModelFormats.Diffusers, ready.Resolved!.Format);
        Assert.AreEqual(50 + 6, ready.Resolved.ParameterCount, "of Safetensors and of the pickle");
        CollectionAssert.Contains((await world.ReadModelAsync(good, ready.Artifact!.Digest)).Keys, "unet/diffusion_pytorch_model.bin");

        JsonObject bad = await world.CreateUploadAsync("bad");
        await world.ReceiveAsync(bad, fileName, Archive(fileName, Attack));
        ModelStatus failed = await world.WaitForPhaseAsync("bad", Phases.Failed, TestContext.CancellationToken);
        Condition condition = failed.Conditions!.Single(condition => condition.Type == ConditionTypes.Ready);
        Assert.AreEqual(Reasons.PublicationFailed, condition.Reason);
        StringAssert.Matches(condition.Message, new(@"^pipe/unet/diffusion_pytorch_model\.bin: at offset \d+ of archive/data\.pkl its pickle imports posix\.system,"));
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task HuggingFace_PipelineWithVariantsAndDuplicates_FetchesOneSetOnly()
    {
        await using FakeHub hub = await FakeHub.StartAsync(
            [.. DiffusersTests.Pipeline, ("unet/diffusion_pytorch_model.fp16.safetensors", DiffusersTests.Weights), ("unet/diffusion_pytorch_model.bin", Attack), ("v1-5.ckpt", [1, 2])]);
        await using PreparationWorld world = await PreparationWorld.StartAsync(withControllers: false);
        await world.StartControllersAsync(options => options.HuggingfaceEndpoint = hub.Endpoint);
        JsonObject model = await world.CreateAsync("m", new JsonObject { ["url"] = "https://huggingface.co/" + FakeHub.Repository });
        ModelStatus ready = await world.WaitForPhaseAsync("m", Phases.Ready, TestContext.CancellationToken);
        CollectionAssert.AreEquivalent(DiffusersTests.Pipeline.Select(file => file.Path).ToArray(), (await world.ReadModelAsync(model, ready.Artifact!.Digest)).Keys.ToArray());
        Assert.IsFalse(hub.Requests.Any(request => request.EndsWith(".bin", StringComparison.Ordinal)), "what is not kept is not fetched");
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task HuggingFace_PickledWeights_AreScannedByRangesBeforeAnythingIsStored()
    {
        (string, byte[])[] files = [.. DiffusersTests.Pipeline.Where(file => !file.Path.StartsWith("unet/d", StringComparison.Ordinal)), ("unet/diffusion_pytorch_model.bin", Attack)];
        await using FakeHub hub = await FakeHub.StartAsync(files);
        await using PreparationWorld world = await PreparationWorld.StartAsync(withControllers: false);
        await world.StartControllersAsync(options => options.HuggingfaceEndpoint = hub.Endpoint);
        await world.CreateAsync("m", new JsonObject { ["url"] = "https://huggingface.co/" + FakeHub.Repository });
        ModelStatus failed = await world.WaitForPhaseAsync("m", Phases.Failed, TestContext.CancellationToken);
        StringAssert.Contains(failed.Conditions!.Single(condition => condition.Type == ConditionTypes.Ready).Message, "imports posix.system");
    }

    private static byte[] Archive(string fileName, byte[] pickled)
    {
        (string Path, byte[] Content)[] files =
        [
            .. DiffusersTests.Pipeline.Where(file => !file.Path.StartsWith("unet/d", StringComparison.Ordinal)).Select(file => ("pipe/" + file.Path, file.Content)),
            ("pipe/unet/diffusion_pytorch_model.bin", pickled),
        ];
        return fileName switch
        {
            "m.zip" => Pack.Zip(files),
            "m.tar" => Pack.Tar(files),
            "m.tar.gz" => Pack.Gzip(Pack.Tar(files)),
            _ => Pack.Zstd(Pack.Tar(files)),
        };
    }
}
