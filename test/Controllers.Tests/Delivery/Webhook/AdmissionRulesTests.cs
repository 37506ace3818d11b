using System.Text.Json.Nodes;
using AiModels.Controllers.Delivery;
using AiModels.Controllers.Delivery.NodeCache;
using AiModels.Controllers.Delivery.Webhook;

namespace AiModels.Controllers.Tests.Delivery.Webhook;

[TestClass]
public sealed class AdmissionRulesTests
{
    private static readonly string Digest = "sha256:" + new string('a', 64);
    private static readonly string Other = "sha256:" + new string('b', 64);

    [TestMethod]
    public void Pod_WhoseModelIsReady_PassesUntouched() => Assert.IsEmpty(Answer(Pod(), KnownModels.Ready("tiny", "team-a", Digest)).Patch);

    [TestMethod]
    public void Pod_WhoseModelIsGone_GetsTheGateAndALabelToFindItBy()
    {
        AdmissionAnswer answer = Answer(Pod());
        Assert.AreEqual(
            """[{"op":"add","path":"/spec/schedulingGates","value":[{"name":"ai.deckhouse.io/model-delivery"}]},{"op":"add","path":"/metadata/labels","value":{"ai.deckhouse.io/model-gate":"waiting"}}]""",
            answer.Patch.ToJsonString());
    }

    [TestMethod]
    public void Pod_WhoseModelIsOfAnotherNamespace_GetsTheGate() => Assert.IsNotEmpty(Answer(Pod(), KnownModels.Ready("tiny", "team-b", Digest)).Patch);

    [TestMethod]
    public void Pod_WhoseModelWasReplacedByAnother_GetsTheGate() => Assert.IsNotEmpty(Answer(Pod(), KnownModels.Ready("tiny", "team-a", Other)).Patch);

    [TestMethod]
    public void Pod_WithLabelsAndAnotherGate_KeepsThem()
    {
        JsonObject pod = Pod();
        pod["metadata"]!["labels"] = new JsonObject { ["app"] = "x" };
        pod["spec"]!["schedulingGates"] = new JsonArray(new JsonObject { ["name"] = "other" });
        string[] paths = [.. Answer(pod).Patch.Select(operation => (string)operation!["path"]!)];
        CollectionAssert.AreEqual((string[])["/spec/schedulingGates/-", "/metadata/labels/ai.deckhouse.io~1model-gate"], paths);
    }

    [TestMethod]
    public void Pod_BoundToANode_PassesUntouched()
    {
        JsonObject pod = Pod();
        pod["spec"]!["nodeName"] = "node-1";
        Assert.IsEmpty(Answer(pod).Patch);
    }

    [TestMethod]
    public void Pod_WithoutOurVolumes_PassesUntouched()
    {
        JsonObject pod = Pod();
        pod["spec"]!["volumes"] = new JsonArray(new JsonObject { ["name"] = "tmp" });
        Assert.IsEmpty(Answer(pod).Patch);
    }

    [TestMethod]
    public void Pod_BeforeAllModelsAreKnown_PassesUntouched() =>
        Assert.IsEmpty(new AdmissionRules(new AdmissionMutation([]), new PodGate(new KnownModels { IsSynced = false }), NoCaches.WarmNodes).Answer(Request("Pod", "", Pod())).Patch);

    [TestMethod]
    public void Pod_WithModelsOfANodesCache_GoesToSuchNodesOnly() => Assert.AreEqual(
        """[{"op":"add","path":"/spec/nodeSelector","value":{"ai.deckhouse.io/model-cache":"true"}}]""",
        Answer(CachePod(), KnownModels.Ready("tiny", "team-a", Digest)).Patch.ToJsonString());

    [TestMethod]
    public void Pod_WithModelsOfANodesCacheAndNodesOfItsOwn_GoesWhereBothHold()
    {
        JsonObject pod = CachePod();
        pod["spec"]!["nodeSelector"] = new JsonObject { ["gpu"] = "yes" };
        Assert.AreEqual(
            """[{"op":"add","path":"/spec/nodeSelector/ai.deckhouse.io~1model-cache","value":"true"}]""", Answer(pod, KnownModels.Ready("tiny", "team-a", Digest)).Patch.ToJsonString());
    }

    [TestMethod]
    public void Pod_WithModelsOfANodesCacheThatAreGone_GetsTheGateAndTheNodes()
    {
        string[] paths = [.. Answer(CachePod()).Patch.Select(operation => (string)operation!["path"]!)];
        CollectionAssert.AreEqual((string[])["/spec/schedulingGates", "/metadata/labels", "/spec/nodeSelector"], paths);
    }

    [TestMethod]
    public void Pod_WithModelsOfANodesCacheThatHasItsNodesAlready_PassesUntouched()
    {
        JsonObject chosen = CachePod(), bound = CachePod();
        chosen["spec"]!["nodeSelector"] = new JsonObject { ["ai.deckhouse.io/model-cache"] = "true" };
        bound["spec"]!["nodeName"] = "node-1";
        Assert.IsEmpty(Answer(chosen, KnownModels.Ready("tiny", "team-a", Digest)).Patch);
        Assert.IsEmpty(Answer(bound).Patch);
    }

    [TestMethod]
    public void Pod_OnUpdate_IsLeftAlone() => Assert.IsEmpty(Rules().Answer(Request("Pod", "", Pod(), "UPDATE")).Patch);

    [TestMethod]
    [DataRow("Pod", "")]
    [DataRow("Job", "batch")]
    public void BareObject_ThatAsksForModels_IsToldThatItGetsNone(string kind, string group)
    {
        JsonObject bare = new() { ["metadata"] = new JsonObject { ["name"] = "x", ["annotations"] = new JsonObject { ["ai.deckhouse.io/model"] = "tiny" } }, ["spec"] = new JsonObject() };
        AdmissionAnswer answer = Rules().Answer(Request(kind, group, bare));
        Assert.AreEqual(
            $"metadata.annotations[ai.deckhouse.io/model]: this {kind} gets no models: models are delivered to Deployments, StatefulSets, DaemonSets and CronJobs that have the annotation on their own metadata",
            answer.Warning);
        Assert.IsEmpty(answer.Patch);
    }

    [TestMethod]
    public void OwnedPod_ThatInheritedTheAnnotation_IsNotWarnedAbout()
    {
        JsonObject pod = Pod();
        pod["metadata"]!["annotations"] = new JsonObject { ["ai.deckhouse.io/model"] = "tiny" };
        pod["metadata"]!["ownerReferences"] = new JsonArray(new JsonObject { ["kind"] = "ReplicaSet" });
        Assert.IsNull(Answer(pod).Warning);
    }

    [TestMethod]
    public void Workload_WithTheAnnotationOnItsTemplateOnly_IsToldWhereItBelongs()
    {
        var workload = new JsonObject
        {
            ["metadata"] = new JsonObject { ["name"] = "app" },
            ["spec"] = new JsonObject { ["template"] = new JsonObject { ["metadata"] = new JsonObject { ["annotations"] = new JsonObject { ["ai.deckhouse.io/clustermodel"] = "big" } } } },
        };
        Assert.StartsWith("spec.template.metadata.annotations[ai.deckhouse.io/clustermodel] has no effect", Rules().Answer(Request("Deployment", "apps", workload)).Warning);
        workload["metadata"]!["annotations"] = new JsonObject { ["ai.deckhouse.io/model"] = "tiny" };
        Assert.IsNull(Rules().Answer(Request("Deployment", "apps", workload)).Warning);
    }

    private static AdmissionAnswer Answer(JsonObject pod, params ModelFact[] models) => Rules(models).Answer(Request("Pod", "", pod));

    private static AdmissionRules Rules(params ModelFact[] models) => new(new AdmissionMutation([new NodeCacheMode(new NoCaches(), new())]), new PodGate(new KnownModels(models)), NoCaches.WarmNodes);

    private static JsonObject Request(string kind, string group, JsonObject obj, string operation = "CREATE") => new()
    {
        ["operation"] = operation,
        ["namespace"] = "team-a",
        ["kind"] = new JsonObject { ["group"] = group, ["version"] = "v1", ["kind"] = kind },
        ["object"] = obj.DeepClone(),
    };

    private static JsonObject CachePod()
    {
        JsonObject pod = Pod();
        pod["spec"]!["volumes"]![0]!["csi"] = new JsonObject { ["driver"] = "node-cache.ai-models.deckhouse.io" };
        return pod;
    }

    private static JsonObject Pod() => new()
    {
        ["metadata"] = new JsonObject { ["generateName"] = "app-" },
        ["spec"] = new JsonObject
        {
            ["volumes"] = new JsonArray(new JsonObject { ["name"] = "ai-models-0123456789" }),
            ["containers"] = new JsonArray(new JsonObject
            {
                ["name"] = "server",
                ["env"] = new JsonArray(new JsonObject { ["name"] = "AI_MODELS_MODELS", ["value"] = $$"""[{"name":"tiny","path":"/data/modelcache/models/tiny","digest":"{{Digest}}","family":""}]""" }),
            }),
        },
    };
}
