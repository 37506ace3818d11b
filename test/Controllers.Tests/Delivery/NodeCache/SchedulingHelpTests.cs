using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Delivery;
using AiModels.Controllers.Delivery.NodeCache;
using AiModels.Controllers.Delivery.NodeCache.Storage;
using AiModels.Controllers.Tests.Delivery.Webhook;

namespace AiModels.Controllers.Tests.Delivery.NodeCache;

/// <summary>What nodes are warm, what bringing a model to a node would take, and what the gate says when no node has room.</summary>
[TestClass]
public sealed class SchedulingHelpTests
{
    private const long GiB = 1L << 30;
    private static readonly string Wanted = "sha256:" + new string('a', 64);
    private static readonly DateTimeOffset Start = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    [TestMethod]
    public void Room_WithAllOfItThere_NeedsNothing() => Assert.AreEqual("node a has all of it", Room(Node("a", 20, Artifact(Wanted, 12))).InWords());

    [TestMethod]
    public void Room_BesideWhatIsThere_EvictsNothing() => Assert.AreEqual("node a needs 12 GiB more", Room(Node("a", 20, Artifact("x", 5))).InWords());

    [TestMethod]
    public void Room_OfAHalfFetchedModel_NeedsTheRest() =>
        Assert.AreEqual("node a needs 7.5 GiB more", Room(Node("a", 20, Downloading(Wanted, 12))).InWords());

    [TestMethod]
    public void Room_OfAHalfFetchedModel_HasItsRestPromisedAlready()
    {
        NodeRoom room = Room(Node("a", 16, Downloading(Wanted, 12)));
        Assert.AreEqual("node a needs 7.5 GiB more", room.InWords());
        Assert.IsTrue(room.Fits);
    }

    [TestMethod]
    public void Room_BesideAModelThatIsBeingFetched_CannotHaveItsRoom() =>
        Assert.AreEqual("node a needs 12 GiB more and lacks room for 8 GiB: the rest of its cache is mounted, pinned or being fetched", Room(Node("a", 16, Downloading("x", 12))).InWords());

    [TestMethod]
    public void Room_BesideAModelThatCouldNotBeFetched_TakesWhatWasPromisedToIt() =>
        Assert.AreEqual("node a needs 12 GiB more and would evict Model team-a/x", Room(Node("a", 16, Downloading("x", 12) with { State = "Failed" })).InWords());

    [TestMethod]
    public void Room_OnAFullNode_EvictsTheLeastRecentlyUsedThatMayGo()
    {
        NodeCacheFact node = Node(
            "a",
            20,
            Artifact("mounted", 4) with { Mounts = 1, LastUsed = Start },
            Artifact("pinned", 2) with { Pinned = true, LastUsed = Start },
            Artifact("newest", 4) with { LastUsed = Start.AddHours(3) },
            Artifact("oldest", 5) with { LastUsed = Start.AddHours(1) },
            Artifact("older", 5) with { LastUsed = Start.AddHours(2) });
        Assert.AreEqual("node a needs 12 GiB more and would evict Model team-a/oldest, Model team-a/older, Model team-a/newest", Room(node).InWords());
    }

    [TestMethod]
    public async Task Prepare_WhenNoNodeHasRoom_HoldsAndNamesBytesAndNode()
    {
        var caches = new Caches(Node("small", 8), Node("busy", 16, Artifact("mounted", 10) with { Mounts = 2 }));
        var held = (DeliveryOutcome.Held)await new NodeCacheMode(caches, new()).PrepareAsync(Workload(), [Model()], CancellationToken.None);
        Assert.AreEqual(Reasons.InsufficientStorage, held.Reason);
        Assert.AreEqual(
            "no node's model cache has room for Model big: node small needs 12 GiB more and lacks room for 4 GiB: the rest of its cache is mounted, pinned or being fetched; "
            + "node busy needs 12 GiB more and lacks room for 6 GiB: the rest of its cache is mounted, pinned or being fetched",
            held.Message);
        Assert.IsNotNull(held.LookAgain);
    }

    [TestMethod]
    public async Task Prepare_WhenOneNodeHasRoom_IsPreparedAndTellsWhatItTakes()
    {
        var caches = new Caches(Node("small", 8), Node("large", 100));
        var prepared = (DeliveryOutcome.Prepared)await new NodeCacheMode(caches, new()).PrepareAsync(Workload(), [Model()], CancellationToken.None);
        Assert.StartsWith("node large needs 12 GiB more; node small", prepared.Note);
    }

    [TestMethod]
    public async Task Prepare_BeforeAnyNodeReported_IsPrepared() =>
        Assert.IsInstanceOfType<DeliveryOutcome.Prepared>(await new NodeCacheMode(new Caches(), new()).PrepareAsync(Workload(), [Model()], CancellationToken.None));

    [TestMethod]
    public async Task Prepare_BeforeTheStorageWasLookedAt_HoldsForAMoment()
    {
        var readiness = new NodeCacheReadiness(isKnown: false);
        var mode = new NodeCacheMode(new Caches(), readiness);
        var held = (DeliveryOutcome.Held)await mode.PrepareAsync(Workload(), [Model()], CancellationToken.None);
        Assert.AreEqual(Reasons.NodeCacheNotReady, held.Reason);
        Assert.IsFalse(held.IsWarning, "nothing is wrong yet");
        Assert.IsNotNull(held.LookAgain);
        readiness.Problem = null;
        Assert.IsInstanceOfType<DeliveryOutcome.Prepared>(await mode.PrepareAsync(Workload(), [Model()], CancellationToken.None));
    }

    [TestMethod]
    public async Task Prepare_OfWhatIsDeliveredAlready_StaysPrepared()
    {
        JsonObject document = Workload().Document;
        document["metadata"]!["annotations"] = new JsonObject { ["ai.deckhouse.io/resolved-models"] = new DeliveryPlan("NodeCache", null, [Model().Delivered]).Encode() };
        var mode = new NodeCacheMode(new Caches(Node("small", 8)), new());
        Assert.IsInstanceOfType<DeliveryOutcome.Prepared>(await mode.PrepareAsync(new Workload(WorkloadKind.Deployment, document), [Model()], CancellationToken.None));
    }

    [TestMethod]
    public void Pod_WithWarmNodes_PrefersThem()
    {
        JsonArray patch = Warm(Node("a", 20, Artifact(Wanted, 12)), Node("b", 20, Artifact(Wanted, 12) with { State = "Downloading" }), Node("c", 20)).Patch(Pod());
        Assert.AreEqual(
            """[{"op":"add","path":"/spec/affinity","value":{"nodeAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":[{"weight":50,"preference":{"matchFields":[{"key":"metadata.name","operator":"In","values":["a"]}]}}]}}}]""",
            patch.ToJsonString());
    }

    [TestMethod]
    public void Pod_WithPreferencesOfItsOwn_KeepsThem()
    {
        JsonObject pod = Pod();
        pod["spec"]!["affinity"] = new JsonObject { ["nodeAffinity"] = new JsonObject { ["preferredDuringSchedulingIgnoredDuringExecution"] = new JsonArray(new JsonObject()) } };
        JsonArray patch = Warm(Node("a", 20, Artifact(Wanted, 12)), Node("b", 20, Artifact(Wanted, 12))).Patch(pod);
        Assert.HasCount(2, patch);
        Assert.AreEqual("/spec/affinity/nodeAffinity/preferredDuringSchedulingIgnoredDuringExecution/-", (string?)patch[0]!["path"]);
    }

    [TestMethod]
    public void Pod_WithoutWarmNodesOrOfADaemonSetOrWithTheSettingOff_IsLeftAlone()
    {
        NodeCacheFact warm = Node("a", 20, Artifact(Wanted, 12));
        Assert.IsEmpty(Warm(Node("a", 20)).Patch(Pod()));
        JsonObject ofDaemonSet = Pod();
        ofDaemonSet["metadata"] = new JsonObject { ["ownerReferences"] = new JsonArray(new JsonObject { ["kind"] = "DaemonSet" }) };
        Assert.IsEmpty(Warm(warm).Patch(ofDaemonSet));
        Assert.IsEmpty(new WarmNodes(new Caches(warm), new DeliveryOptions { PrefersWarmNodes = false }).Patch(Pod()));
    }

    private static WarmNodes Warm(params NodeCacheFact[] nodes) => new(new Caches(nodes), new DeliveryOptions());

    private static NodeRoom Room(NodeCacheFact node) => NodeRoom.For(node, new Dictionary<string, long> { [Wanted] = 12 * GiB });

    private static NodeCacheFact Node(string name, long capacity, params NodeArtifact[] artifacts) =>
        new(name, new NodeModelCacheStatus { CapacityBytes = capacity * GiB, UsedBytes = artifacts.Sum(artifact => artifact.SizeBytes), Artifacts = artifacts });

    private static NodeArtifact Artifact(string digest, long gibibytes) =>
        new() { Digest = digest, State = "Ready", SizeBytes = gibibytes * GiB, PresentBytes = gibibytes * GiB, Models = [$"Model team-a/{digest}"], LastUsed = Start };

    /// <summary>The agent counts it whole from the beginning.</summary>
    private static NodeArtifact Downloading(string digest, long gibibytes) => Artifact(digest, gibibytes) with { State = "Downloading", PresentBytes = (9 * GiB) / 2 };

    private static ModelFact Model()
    {
        ModelFact ready = KnownModels.Ready("big", "team-a", Wanted);
        return ready with { Status = ready.Status! with { Artifact = ready.Status.Artifact! with { SizeBytes = 12 * GiB } } };
    }

    private static Workload Workload() => new(WorkloadKind.Deployment, new JsonObject { ["metadata"] = new JsonObject { ["name"] = "app", ["namespace"] = "team-a" }, ["spec"] = new JsonObject { ["template"] = new JsonObject() } });

    private static JsonObject Pod() => new()
    {
        ["metadata"] = new JsonObject(),
        ["spec"] = new JsonObject
        {
            ["volumes"] = new JsonArray(new JsonObject
            {
                ["name"] = "ai-models-0123456789",
                ["csi"] = new JsonObject { ["driver"] = "node-cache.ai-models.deckhouse.io", ["volumeAttributes"] = new JsonObject { ["ai.deckhouse.io/digest"] = Wanted } },
            }),
        },
    };

    private sealed class Caches(params NodeCacheFact[] nodes) : INodeCaches
    {
        public IReadOnlyList<NodeCacheFact> All => nodes;
    }
}
