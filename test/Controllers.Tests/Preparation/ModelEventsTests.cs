using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation;
using AiModels.Controllers.Preparation.Decisions;
using AiModels.Controllers.Preparation.Pipeline;
using AiModels.Controllers.Runtime;
using AiModels.Controllers.Tests.Preparation.Decisions;
using AiModels.TestKit;
using AiModels.TestKit.FakeHuggingFace;

namespace AiModels.Controllers.Tests.Preparation;

/// <summary>Requirement P10: Events tell what happens to a model, and are few.</summary>
[TestClass]
public sealed class ModelEventsTests
{
    private const int HeaderRange = 512 << 10;

    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Prepare_ThroughInterruptions_TellsEveryReason()
    {
        await using FakeHub hub = await FakeHub.StartAsync(("config.json", "{}"u8.ToArray()), ("model.safetensors", ModelFiles.Safetensors(elements: 6_000_000)));
        await using PreparationWorld world = await PreparationWorld.StartAsync(withControllers: false);
        Task StartAsync() => world.StartControllersAsync(options => options.HuggingfaceEndpoint = hub.Endpoint, PreparationWorld.QuickPatience with { Retries = 1 });
        async Task ToldAsync(string reason) => await Eventually.GetAsync(
            () => Task.FromResult(world.EventsOf("m").Any(entry => entry.Reason == reason)), told => told, reason, TestContext.CancellationToken);

        hub.Cdn.Fault = request => IsSecondChunk(request) ? CdnFault.Stall : null;
        await StartAsync();
        JsonObject model = await world.CreateAsync("m", new JsonObject { ["url"] = $"https://huggingface.co/{FakeHub.Repository}" });
        await ToldAsync(Reasons.PublicationUploading);
        await Eventually.GetAsync(
            () => world.HasCheckpointOfAsync($"models/{model["metadata"]!["uid"]}", "model.safetensors", 1), noted => noted, "a chunk is noted", TestContext.CancellationToken);
        await world.StopControllersAsync();
        await StartAsync();
        await ToldAsync(Reasons.PublicationResumed);
        await world.StopControllersAsync();
        hub.Cdn.Fault = request => IsSecondChunk(request) ? CdnFault.Unavailable : null;
        await StartAsync();
        await ToldAsync(Reasons.PublicationRetrying);
        hub.Cdn.Fault = null;
        await world.WaitForPhaseAsync("m", Phases.Ready, TestContext.CancellationToken);
        await ToldAsync(Reasons.PublicationCommitted);

        (string Type, string Reason, string Message)[] told = [.. world.EventsOf("m")];
        CollectionAssert.AllItemsAreUnique(told);
        Assert.IsLessThan(16, told.Length, string.Join('\n', told));
        Assert.IsTrue(told.All(entry => (entry.Type == "Warning") == (entry.Reason == Reasons.PublicationRetrying)), string.Join('\n', told));
    }

    [TestMethod]
    public async Task Record_FailuresInEverNewWords_AreToldTenTimes()
    {
        var recorder = new Recorder();
        var events = new ModelEvents(recorder);
        for (int i = 0; i < 1000; i++)
        {
            ModelFacts facts = Facts.Of(Phases.Publishing, isUpload: false, work: new PreparationState.Retrying($"The body ended {i} bytes early.", 0));
            await events.RecordAsync(facts, StatusDecision.Decide(facts), TestContext.CancellationToken);
        }

        Assert.HasCount(10, recorder.Told);
        Assert.AreEqual((EventType.Warning, Reasons.PublicationRetrying, "The body ended 0 bytes early. It is tried again."), recorder.Told[0]);
    }

    private static bool IsSecondChunk(CdnRequest request) => request.End - request.Start > HeaderRange && request.Start >= 16 << 20;

    private sealed class Recorder : IEventRecorder
    {
        public List<(EventType Type, string Reason, string Message)> Told { get; } = [];

        public Task RecordAsync(EventTarget target, EventType type, string reason, string message, CancellationToken cancellationToken)
        {
            Told.Add((type, reason, message));
            return Task.CompletedTask;
        }
    }
}
