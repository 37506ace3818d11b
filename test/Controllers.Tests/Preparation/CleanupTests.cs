using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Contracts.WellKnown;
using AiModels.Controllers.Preparation.Jobs;
using AiModels.Controllers.Preparation.Pipeline;
using AiModels.Controllers.Tests.Preparation.Archives;
using AiModels.Controllers.Tests.Preparation.Jobs;
using AiModels.Hosting.Kubernetes;
using AiModels.ModelPack.Oci;
using AiModels.TestKit;
using AiModels.TestKit.FakeHuggingFace;

namespace AiModels.Controllers.Tests.Preparation;

/// <summary>Requirement A7: a model that is deleted, in whatever phase, leaves nothing behind. Everything is counted before it is created and after it is gone.</summary>
[TestClass]
public sealed class CleanupTests
{
    private const string Token = "hf_right";
    private const int HeaderRange = 512 << 10;

    private static readonly (string Path, byte[] Content)[] Files =
        [("config.json", "{}"u8.ToArray()), ("model.safetensors", ModelFiles.Safetensors(elements: 6_000_000))];

    private FakeHub _hub = null!;
    private PreparationWorld _world = null!;
    private JobRunner? _runner;

    public TestContext TestContext { get; set; } = null!;

    [TestInitialize]
    public async Task StartAsync()
    {
        _hub = await FakeHub.StartAsync(Files);
        _hub.Model.Token = Token;
        _world = await PreparationWorld.StartAsync(withControllers: false);
        await _world.CreateTokenAsync("hf", Token);
    }

    [TestCleanup]
    public async Task StopAsync()
    {
        await (_runner?.DisposeAsync() ?? ValueTask.CompletedTask);
        await _world.DisposeAsync();
        await _hub.DisposeAsync();
    }

    [TestMethod]
    [DataRow(When.Pending, false)]
    [DataRow(When.Pending, true)]
    [DataRow(When.Resolving, false)]
    [DataRow(When.Resolving, true)]
    [DataRow(When.Verifying, false)]
    [DataRow(When.Verifying, true)]
    [DataRow(When.Fetching, false)]
    [DataRow(When.Fetching, true)]
    [DataRow(When.Ready, false)]
    [DataRow(When.Ready, true)]
    [DataRow(When.Failed, false)]
    [DataRow(When.Failed, true)]
    [DataRow(When.Waiting, false)]
    [DataRow(When.Received, false)]
    [DataRow(When.Received, true)]
    [Timeout(180_000, CooperativeCancellation = true)]
    public async Task Delete_InEveryPhase_LeavesNothing(When when, bool byJobs)
    {
        Hold(when);
        _runner = byJobs ? new JobRunner(_world.Kubernetes) : null;
        await _world.StartControllersAsync(options =>
        {
            options.HuggingfaceEndpoint = _hub.Endpoint;
            options.Preparation = byJobs ? PreparationModes.Jobs : PreparationModes.InProcess;
            options.PreparationWorkers = when == When.Pending ? 1 : 4;
        });
        Counts before = Count();
        JsonObject? ahead = when == When.Pending ? await CreateAsync("ahead", when) : null;
        if (ahead is not null)
        {
            await ReachAsync("ahead", ahead, When.Fetching, byJobs);
        }

        JsonObject model = await CreateAsync("m", when);
        await ReachAsync("m", model, when, byJobs);
        foreach (string name in ahead is null ? ["m"] : new[] { "m", "ahead" })
        {
            await _world.Kubernetes.DeleteAsync(ResourceTypes.Models, "ns", name, null, null, TestContext.CancellationToken);
            await _world.WaitAsync(ResourceTypes.Models, name, state => state is null, TestContext.CancellationToken);
        }

        await Eventually.GetAsync(() => Task.FromResult(Count()), after => after == before, $"everything is as before: {before}", TestContext.CancellationToken);
        foreach (string tag in new[] { WellKnownTags.Model, WellKnownTags.Upload, Checkpoint.Tag, PreparationOutcome.Tag })
        {
            Assert.IsNull(await _world.Registry.ResolveAsync(Repository(model), tag, TestContext.CancellationToken), tag);
        }

        Assert.IsEmpty(_runner?.Broken ?? []);
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Delete_PodThatDoesNotEnd_IsSaidAndHoldsUpNobodyElse()
    {
        await _world.StartControllersAsync(options => options.Preparation = PreparationModes.Jobs);
        JsonObject[] models = [.. await Task.WhenAll(Enumerable.Range(0, 6).Select(i => _world.CreateUploadAsync($"m{i}")))];
        foreach (JsonObject model in models)
        {
            await _world.Kubernetes.CreateAsync(ResourceTypes.Pods, Pod((string)model["metadata"]!["uid"]!), null, TestContext.CancellationToken);
            await _world.Kubernetes.DeleteAsync(ResourceTypes.Models, "ns", Name(model), null, null, TestContext.CancellationToken);
        }

        await _world.CreateUploadAsync("other");
        await _world.WaitForPhaseAsync("other", Phases.WaitForUpload, TestContext.CancellationToken);
        JsonObject? told = await _world.WaitAsync(
            ResourceTypes.Models, "m0", state => state?.ToJsonString().Contains("has not ended yet", StringComparison.Ordinal) == true, TestContext.CancellationToken);
        Assert.AreEqual(Phases.Deleting, (string?)told!["status"]!["phase"]);
        foreach (JsonObject model in models)
        {
            await _world.Kubernetes.DeleteAsync(ResourceTypes.Pods, Namespaces.Module, $"pod-{model["metadata"]!["uid"]}", null, null, TestContext.CancellationToken);
        }

        foreach (JsonObject model in models)
        {
            await _world.WaitAsync(ResourceTypes.Models, Name(model), state => state is null, TestContext.CancellationToken);
        }
    }

    /// <summary>Keeps models where the test wants to delete them.</summary>
    private void Hold(When when)
    {
        _hub.Instead = when == When.Resolving ? http => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, http.RequestAborted) : null;
        _hub.Cdn.Fault = when switch
        {
            When.Verifying => _ => CdnFault.Stall,
            When.Pending or When.Fetching => request => request.End - request.Start > HeaderRange && request.Start >= 16 << 20 ? CdnFault.Stall : null,
            When.Failed => request => request.End - request.Start > HeaderRange ? CdnFault.FlippedBit : null,
            _ => null,
        };
    }

    private async Task<JsonObject> CreateAsync(string name, When when)
    {
        if (when is not (When.Waiting or When.Received))
        {
            return await _world.CreateAsync(name, new JsonObject { ["url"] = $"https://huggingface.co/{FakeHub.Repository}", ["authSecretRef"] = new JsonObject { ["name"] = "hf" } });
        }

        JsonObject model = await _world.CreateUploadAsync(name);
        if (when == When.Received)
        {
            await _world.ReceiveAsync(model, "m.zip", Pack.Zip(Files));
        }

        return model;
    }

    private async Task ReachAsync(string name, JsonObject model, When when, bool byJobs)
    {
        switch (when)
        {
            case When.Pending:
                await _world.WaitForPhaseAsync(name, Phases.Pending, TestContext.CancellationToken);
                break;
            case When.Resolving:
                await _world.WaitForPhaseAsync(name, Phases.Publishing, TestContext.CancellationToken);
                break;
            case When.Verifying:
                await Eventually.GetAsync(() => Task.FromResult(_hub.Cdn.Active), active => active > 0, "headers are being read", TestContext.CancellationToken);
                break;
            case When.Fetching:
                await Eventually.GetAsync(
                    () => _world.HasCheckpointOfAsync(Repository(model), "model.safetensors", 1), noted => noted, "a chunk is stored and noted", TestContext.CancellationToken);
                Assert.AreEqual((1, byJobs ? 1 : 0), (_world.Reservations, _world.Kubernetes.All(ResourceTypes.Jobs).Count), "there is something to leave behind");
                break;
            case When.Waiting:
                await _world.WaitAsync(ResourceTypes.Roles, $"ai-model-upload-reader-{name}", role => role is not null, TestContext.CancellationToken);
                break;
            case When.Received:
                await _world.WaitForPhaseAsync(name, Phases.Publishing, TestContext.CancellationToken);
                break;
            default:
                await _world.WaitForPhaseAsync(name, when == When.Ready ? Phases.Ready : Phases.Failed, TestContext.CancellationToken);
                break;
        }
    }

    private Counts Count()
    {
        int Of(ResourceType type) => _world.Kubernetes.All(type).Count;
        return new Counts(
            Of(ResourceTypes.Secrets), Of(ResourceTypes.Roles), Of(ResourceTypes.Jobs), Of(ResourceTypes.Pods), Of(ResourceTypes.Leases), _world.Reservations, _world.OpenUploads, _hub.Cdn.Active);
    }

    private static string Name(JsonObject model) => (string)model["metadata"]!["name"]!;

    private static string Repository(JsonObject model) => $"models/{model["metadata"]!["uid"]}";

    /// <summary>As the cluster shows one whose node is lost.</summary>
    private static JsonObject Pod(string uid) => new()
    {
        ["metadata"] = new JsonObject
        {
            ["name"] = $"pod-{uid}",
            ["namespace"] = Namespaces.Module,
            ["labels"] = new JsonObject { [Labels.ModelUid] = uid, [PreparationJob.Component] = PreparationJob.ComponentValue },
        },
        ["status"] = new JsonObject { ["phase"] = "Running" },
    };

    public enum When
    {
        Pending,
        Resolving,
        Verifying,
        Fetching,
        Ready,
        Failed,
        Waiting,
        Received,
    }

    private sealed record Counts(int Secrets, int Roles, int Jobs, int Pods, int Leases, int Reservations, int OpenUploads, int Requests);
}
