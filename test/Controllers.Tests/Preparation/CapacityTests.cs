using System.Formats.Tar;
using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Tests.Preparation.Archives;
using AiModels.Controllers.Tests.Preparation.Formats;
using AiModels.ModelPack.Client;

namespace AiModels.Controllers.Tests.Preparation;

/// <summary>Preparation in a registry that may store 600 KiB (requirement P9).</summary>
[TestClass]
public sealed class CapacityTests
{
    private const int Limit = 600 * 1024;

    private PreparationWorld _world = null!;

    public TestContext TestContext { get; set; } = null!;

    [TestInitialize]
    public async Task StartAsync() => _world = await PreparationWorld.StartAsync(capacityLimit: Limit);

    [TestCleanup]
    public async Task StopAsync() => await _world.DisposeAsync();

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Archive_WhoseFilesDoNotFitBesideIt_FailsWithTheBytesAndItsRoomComesBack()
    {
        JsonObject model = await _world.CreateUploadAsync("large");
        await _world.ReceiveAsync(model, "m.tar", Archive(350_000));

        ModelStatus failed = await _world.WaitForPhaseAsync("large", Phases.Failed, TestContext.CancellationToken);

        Condition ready = failed.Conditions!.Single(condition => condition.Type == ConditionTypes.Ready);
        Assert.AreEqual(Reasons.InsufficientStorage, ready.Reason);
        Assert.Contains("were asked for", ready.Message);
        Assert.Contains($"{Limit} bytes", ready.Message);
        await TestKit.Eventually.GetAsync(() => CanReserveAsync(200_000), can => can, "its room comes back", TestContext.CancellationToken);
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Archive_ThatFits_BecomesReadyAndKeepsNoRoom()
    {
        JsonObject model = await _world.CreateUploadAsync("small");
        await _world.ReceiveAsync(model, "m.tar", Archive(100_000));
        await _world.WaitForPhaseAsync("small", Phases.Ready, TestContext.CancellationToken);

        // 600 KiB less the archive, which waits for its collection, less the files, less manifests.
        Assert.IsTrue(await CanReserveAsync(350_000));
    }

    private static byte[] Archive(int length)
    {
        byte[] weights = SafetensorsTests.File($$$"""{"t":{"dtype":"U8","shape":[{{{length}}}],"data_offsets":[0,{{{length}}}]}}""", length);
        new Random(length).NextBytes(weights.AsSpan(weights.Length - length));
        return Pack.Tar(
            TarEntryFormat.Gnu,
            [
                ("config.json", """{"model_type":"qwen2","architectures":["Qwen2ForCausalLM"]}"""u8.ToArray()),
                ("model.safetensors", weights),
            ]);
    }

    private async Task<bool> CanReserveAsync(long bytes)
    {
        try
        {
            await _world.Registry.Capacity.ReserveAsync("models/probe", new CapacityRequest { Holder = "probe", Bytes = bytes }, TestContext.CancellationToken);
            return true;
        }
        catch (RegistryException refused) when (refused.IsInsufficientStorage)
        {
            return false;
        }
    }
}
