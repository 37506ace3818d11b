using System.Text.Json.Nodes;
using AiModels.Controllers.Delivery;
using AiModels.Controllers.Delivery.NodeCache;
using AiModels.Controllers.Delivery.Webhook;

namespace AiModels.Controllers.Tests.Delivery.Webhook;

[TestClass]
public sealed class AdmissionMutationTests
{
    private static readonly NodeCacheMode Mode = new(new NoCaches(), new());
    private static readonly DeliveryPlan Plan = new("NodeCache", null, [new DeliveredModel("Model", "tiny", "sha256:" + new string('a', 64), "llama")]);
    private readonly AdmissionMutation _mutation = new([Mode]);

    [TestMethod]
    public void Patch_OfANewAnnotatedWorkload_AddsTheGate()
    {
        JsonArray patch = _mutation.Patch(WorkloadKind.Deployment, Workload());
        Assert.AreEqual("""[{"op":"add","path":"/spec/template/spec/schedulingGates","value":[{"name":"ai.deckhouse.io/model-delivery"}]}]""", patch.ToJsonString());
    }

    [TestMethod]
    public void Patch_BesideAnotherGate_AppendsOurs()
    {
        JsonObject workload = Workload();
        workload["spec"]!["template"]!["spec"]!["schedulingGates"] = new JsonArray(new JsonObject { ["name"] = "other" });
        Assert.AreEqual("/spec/template/spec/schedulingGates/-", (string?)_mutation.Patch(WorkloadKind.Deployment, workload)[0]!["path"]);
    }

    [TestMethod]
    public void Patch_OfACronJob_ReachesItsJobTemplate()
    {
        JsonObject workload = Workload();
        workload["spec"] = new JsonObject { ["jobTemplate"] = new JsonObject { ["spec"] = new JsonObject { ["template"] = workload["spec"]!["template"]!.DeepClone() } } };
        Assert.AreEqual("/spec/jobTemplate/spec/template/spec/schedulingGates", (string?)_mutation.Patch(WorkloadKind.CronJob, workload)[0]!["path"]);
    }

    [TestMethod]
    public void Patch_WithoutAnnotation_IsEmpty()
    {
        JsonObject workload = Workload();
        workload["metadata"]!["annotations"] = new JsonObject();
        Assert.IsEmpty(_mutation.Patch(WorkloadKind.Deployment, workload));
    }

    [TestMethod]
    public void Patch_OfAGatedWorkload_IsEmpty()
    {
        JsonObject workload = Workload();
        workload["spec"]!["template"]!["spec"]!["schedulingGates"] = new JsonArray(SchedulingGate.Item());
        Assert.IsEmpty(_mutation.Patch(WorkloadKind.Deployment, workload));
    }

    [TestMethod]
    public void Patch_OfADeliveredWorkload_IsEmpty() => Assert.IsEmpty(_mutation.Patch(WorkloadKind.Deployment, Delivered()));

    [TestMethod]
    public void Patch_OfTheRequestThatDelivers_TakesTheGateOff()
    {
        JsonObject workload = Delivered();
        workload["spec"]!["template"]!["spec"]!["schedulingGates"] = new JsonArray(SchedulingGate.Item());
        Assert.AreEqual(
            """[{"op":"test","path":"/spec/template/spec/schedulingGates","value":[{"name":"ai.deckhouse.io/model-delivery"}]},{"op":"remove","path":"/spec/template/spec/schedulingGates"}]""",
            _mutation.Patch(WorkloadKind.Deployment, workload).ToJsonString());
    }

    [TestMethod]
    public void Patch_OfTheRequestThatDelivers_LeavesOtherGates()
    {
        JsonObject workload = Delivered();
        workload["spec"]!["template"]!["spec"]!["schedulingGates"] = new JsonArray(new JsonObject { ["name"] = "other" }, SchedulingGate.Item());
        Assert.AreEqual("/spec/template/spec/schedulingGates/1", (string?)_mutation.Patch(WorkloadKind.Deployment, workload)[1]!["path"]);
    }

    [TestMethod]
    public void Patch_WhenAnotherModelIsAskedFor_ClosesTheGateAgain()
    {
        JsonObject workload = Delivered();
        workload["metadata"]!["annotations"]!["ai.deckhouse.io/model"] = "tiny,other";
        Assert.HasCount(1, _mutation.Patch(WorkloadKind.Deployment, workload));
    }

    [TestMethod]
    public void Patch_WhenAnUpdateDroppedOurMounts_ClosesTheGateAgain()
    {
        JsonObject workload = Delivered();
        workload["spec"]!["template"]!["spec"]!["containers"]![0]!["volumeMounts"] = new JsonArray();
        Assert.HasCount(1, _mutation.Patch(WorkloadKind.Deployment, workload));
    }

    [TestMethod]
    public void Patch_WithAContainerAddedWithoutMounts_ClosesTheGateAgain()
    {
        JsonObject workload = Delivered();
        workload["spec"]!["template"]!["spec"]!["containers"]!.AsArray().Add(new JsonObject { ["name"] = "new", ["image"] = "y" });
        Assert.HasCount(1, _mutation.Patch(WorkloadKind.Deployment, workload));
    }

    [TestMethod]
    public void Patch_WithWhatIsLeftOfARemovedContainer_RemovesIt()
    {
        JsonObject workload = Delivered();
        var ghost = (JsonObject)workload["spec"]!["template"]!["spec"]!["containers"]![0]!.DeepClone();
        ghost.Remove("image");
        ghost["name"] = "renamed-away";
        workload["spec"]!["template"]!["spec"]!["containers"]!.AsArray().Insert(0, ghost);
        Assert.AreEqual("""[{"op":"remove","path":"/spec/template/spec/containers/0"}]""", _mutation.Patch(WorkloadKind.Deployment, workload).ToJsonString());
    }

    private static JsonObject Workload() => JsonNode.Parse("""
        {
          "metadata": { "name": "app", "annotations": { "ai.deckhouse.io/model": "tiny" } },
          "spec": { "template": { "spec": { "containers": [ { "name": "server", "image": "x" } ] } } }
        }
        """)!.AsObject();

    private static JsonObject Delivered()
    {
        JsonObject workload = Workload();
        var template = (JsonObject)workload["spec"]!["template"]!;
        JsonNode ours = PodTemplateEditor.Patch(template, Plan, Mode.Volumes(Plan), gated: false)!["spec"]!;
        template["spec"]!["volumes"] = ours["volumes"]!.DeepClone();
        template["spec"]!["containers"]![0]!["env"] = ours["containers"]![0]!["env"]!.DeepClone();
        template["spec"]!["containers"]![0]!["volumeMounts"] = ours["containers"]![0]!["volumeMounts"]!.DeepClone();
        workload["metadata"]!["annotations"]!["ai.deckhouse.io/resolved-models"] = Plan.Encode();
        return workload;
    }
}
