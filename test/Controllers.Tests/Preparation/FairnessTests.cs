using System.Text;
using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation;
using AiModels.Controllers.Preparation.Sources;
using AiModels.Controllers.Preparation.Sources.Hubs;
using AiModels.Controllers.Preparation.Stages;
using AiModels.Controllers.Tests.Preparation.Jobs;
using AiModels.Hosting.Kubernetes;
using AiModels.TestKit;
using AiModels.TestKit.FakeHuggingFace;
using Microsoft.Extensions.DependencyInjection;

namespace AiModels.Controllers.Tests.Preparation;

/// <summary>Models of a hundred gigabytes and those of everybody else share workers, connections and memory.</summary>
[TestClass]
public sealed class FairnessTests
{
    private const long FileLength = 12L << 30;
    private const int HeaderRange = 512 << 10;
    private const string Namespace = "ns";

    private static readonly (string Path, byte[] Content)[] Small = [.. ModelFiles.SafetensorsModel().Select(file => (file.Key, file.Value))];

    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    [DataRow(PreparationModes.InProcess)]
    [DataRow(PreparationModes.Jobs)]
    [Timeout(180_000, CooperativeCancellation = true)]
    public async Task Prepare_GiantsThatTakeForEver_SmallModelsPassThem(string mode)
    {
        await using FakeHub hub = await FakeHub.StartAsync(Small);
        string[] giants = ["giant0", "giant1", "giant2", "giant3"];
        foreach (string giant in giants)
        {
            hub.Add($"owner/{giant}", Giant());
        }

        // Their bytes never come: whoever waits for them waits for ever.
        hub.Cdn.Fault = request => request.Repository.Contains("giant", StringComparison.Ordinal) && request.End - request.Start > HeaderRange ? CdnFault.Stall : null;
        await using PreparationWorld world = await PreparationWorld.StartAsync(withControllers: false);
        static void WithoutADisk(IServiceCollection services) => services.AddSingleton<ICapacity, EndlessCapacity>();
        await using var runner = new JobRunner(world.Kubernetes, WithoutADisk);
        await world.StartControllersAsync(
            options =>
            {
                options.HuggingfaceEndpoint = hub.Endpoint;
                options.Preparation = mode;
                options.PreparationWorkers = 4;
            },
            services: WithoutADisk);
        foreach (string giant in giants)
        {
            await world.CreateAsync(giant, new JsonObject { ["url"] = $"https://huggingface.co/owner/{giant}" });
        }

        TransferBudget budget = world.Services.GetRequiredService<TransferBudget>();
        await Eventually.GetAsync(
            () => Task.FromResult((AtWork: hub.Cdn.Active, Waiting: Waiting(world, giants))), state => state is { AtWork: >= 2, Waiting: 1 },
            "the giants have taken what they may, and one of them waits", TestContext.CancellationToken);
        for (int i = 0; i < 3; i++)
        {
            await world.CreateAsync($"small{i}", new JsonObject { ["url"] = $"https://huggingface.co/{FakeHub.Repository}" });
            await world.WaitForPhaseAsync($"small{i}", Phases.Ready, TestContext.CancellationToken);
        }

        Assert.AreEqual(1, Waiting(world, giants), string.Join('\n', giants.Select(giant => world.Kubernetes.Find(ResourceTypes.Models, Namespace, giant)!["status"]!.ToJsonString())));
        Assert.AreEqual(mode == PreparationModes.Jobs, budget.IsRoomFree, "Jobs have rooms of their own");

        // The one that waits comes when another goes.
        string atWork = giants.First(giant => !IsWaiting(world, giant));
        string last = giants.Single(giant => IsWaiting(world, giant));
        await world.Kubernetes.DeleteAsync(ResourceTypes.Models, Namespace, atWork, null, null, TestContext.CancellationToken);
        await Eventually.GetAsync(() => Task.FromResult(IsWaiting(world, last)), waits => !waits, "its turn has come", TestContext.CancellationToken);
        foreach (string giant in giants.Where(giant => giant != atWork))
        {
            await world.Kubernetes.DeleteAsync(ResourceTypes.Models, Namespace, giant, null, null, TestContext.CancellationToken);
            await world.WaitAsync(ResourceTypes.Models, giant, state => state is null, TestContext.CancellationToken);
        }

        await Eventually.GetAsync(
            () => Task.FromResult((budget.IsRoomFree, hub.Cdn.Active)), left => left == (true, 0), "nothing is held any more", TestContext.CancellationToken);
    }

    private static int Waiting(PreparationWorld world, string[] giants) => giants.Count(giant => IsWaiting(world, giant));

    private static bool IsWaiting(PreparationWorld world, string giant) =>
        ((world.Kubernetes.Find(ResourceTypes.Models, Namespace, giant)?["status"]?["conditions"] as JsonArray) ?? [])
        .Any(condition => ((string?)condition!["message"])?.Contains("until one of the large models at work is done: this one has 96 GiB", StringComparison.Ordinal) == true);

    /// <summary>The registry would look at the disk of whoever runs the test.</summary>
    private sealed class EndlessCapacity : ICapacity
    {
        public Task ReserveAsync(ModelObject model, SourceRoom room, CancellationToken cancellationToken) => Task.CompletedTask;

        public Task ReleaseAsync(ModelObject model, CancellationToken cancellationToken) => Task.CompletedTask;
    }

    /// <summary>Eight files of twelve gibibytes.</summary>
    private static (string Path, FakeContent Content)[] Giant() =>
    [
        ("config.json", FakeContent.Of("{}"u8.ToArray())),
        .. Enumerable.Range(1, 8).Select(part => ($"model-{part:00000}-of-00008.safetensors", (FakeContent)new HugeContent(Header(part, FileLength), FileLength))),
    ];

    private static byte[] Header(int part, long length)
    {
        // A header of a fixed length, so that the tensor's is known.
        const int headerLength = 120;
        long data = length - 8 - headerLength;
        string json = $$$"""{"t{{{part}}}":{"dtype":"U8","shape":[{{{data}}}],"data_offsets":[0,{{{data}}}]}}""".PadRight(headerLength);
        return [.. BitConverter.GetBytes((ulong)headerLength), .. Encoding.ASCII.GetBytes(json)];
    }
}
