using System.Text.Json.Nodes;
using AiModels.TestKit;

namespace AiModels.EndToEnd.Tests;

/// <summary>What happens to workloads after their models were delivered: models that go and come back, manifests that are applied again, objects that are not served.</summary>
[TestClass]
public sealed class DeliveryTests
{
    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Cancelled => TestContext.CancellationToken;

    /// <summary>Requirement Q5: what runs stays, what is new waits at the gate, is told why, and goes on by itself.</summary>
    [TestMethod]
    [DataRow("SharedPVC")]
    [DataRow("NodeCache")]
    [Timeout(240_000, CooperativeCancellation = true)]
    public async Task Model_DeletedUnderARunningWorkload_HoldsNewPodsUntilItIsBack(string deliveryType)
    {
        if (deliveryType == "NodeCache" && !Environment.IsPrivilegedProcess) Assert.Inconclusive("bind mounts need root");
        await using RunningCluster cluster = await RunningCluster.StartAsync(Cancelled, "--delivery-type", deliveryType);
        byte[] file = ModelFiles.Gguf(3 << 20);
        await PublishAsync(cluster, file);
        JsonObject deployment = A.Deployment("app", "llama");
        (await cluster.ApplyAsync(deployment, Cancelled)).Succeeded();
        string first = await cluster.RunningPodAsync("app", Cancelled);

        await cluster.KubectlAsync(Cancelled, "delete", "model/llama", "--timeout=60s");
        Assert.AreEqual(first, await cluster.RunningPodAsync("app", Cancelled), "the Pod that runs is left alone");
        CollectionAssert.AreEqual(file, await File.ReadAllBytesAsync(Mounted(cluster, first), Cancelled));
        await Eventually.GetAsync(() => MessageAsync(cluster), message => message == "there is no Model llama (yet)", "the workload is told", Cancelled);

        await cluster.KubectlAsync(Cancelled, "delete", "pod", first, "--timeout=60s");
        string gates = await Eventually.GetAsync(
            () => cluster.KubectlAsync(Cancelled, "get", "pods", "-l", "app=app", "-o", "jsonpath={.items[*].spec.schedulingGates[*].name}"), g => g.Length > 0, "the new Pod waits", Cancelled);
        Assert.AreEqual("ai.deckhouse.io/model-delivery", gates);

        await PublishAsync(cluster, file);
        string second = await cluster.RunningPodAsync("app", Cancelled);
        CollectionAssert.AreEqual(file, await File.ReadAllBytesAsync(Mounted(cluster, second), Cancelled));
        Assert.AreEqual("", await cluster.KubectlAsync(Cancelled, "get", "pod", second, "-o", "jsonpath={.metadata.labels.ai\\.deckhouse\\.io/model-gate}"));
        Assert.AreEqual("", await MessageAsync(cluster));
        await AssertNoDriftAsync(cluster, deployment);
    }

    /// <summary>Requirement D5: on a node without the label there is no driver, and a Pod there would hang.</summary>
    [TestMethod]
    [Timeout(240_000, CooperativeCancellation = true)]
    public async Task Pod_WithoutANodeOfTheCache_WaitsForOneAndLeavesTheTemplateAlone()
    {
        if (!Environment.IsPrivilegedProcess) Assert.Inconclusive("bind mounts need root");
        await using RunningCluster cluster = await RunningCluster.StartAsync(Cancelled, "--delivery-type", "NodeCache");
        await cluster.KubectlAsync(Cancelled, "label", "nodes", "--all", "ai.deckhouse.io/model-cache-");
        byte[] file = ModelFiles.Gguf(1 << 20);
        await PublishAsync(cluster, file);
        JsonObject deployment = A.Deployment("app", "llama");
        (await cluster.ApplyAsync(deployment, Cancelled)).Succeeded();
        await Eventually.GetAsync(
            () => cluster.KubectlAsync(Cancelled, "get", "pods", "-l", "app=app", "-o", "jsonpath={.items[*].status.conditions[?(@.type==\"PodScheduled\")].reason}"),
            reason => reason == "Unschedulable",
            "no node takes the Pod",
            Cancelled);

        await cluster.KubectlAsync(Cancelled, "label", "nodes", "--all", "ai.deckhouse.io/model-cache=true");
        CollectionAssert.AreEqual(file, await File.ReadAllBytesAsync(Mounted(cluster, await cluster.RunningPodAsync("app", Cancelled)), Cancelled));
        await AssertNoDriftAsync(cluster, deployment);
    }

    /// <summary>A shared claim does not grow with every model that is replaced: what no Pod reads any more goes, the workload stays.</summary>
    [TestMethod]
    [Timeout(300_000, CooperativeCancellation = true)]
    public async Task SharedClaim_WhoseModelWasReplaced_GivesUpTheOldOne()
    {
        await using RunningCluster cluster = await RunningCluster.StartAsync(Cancelled, "--delivery-type", "SharedPVC");
        await PublishAsync(cluster, ModelFiles.Gguf(1 << 20, seed: 1));
        (await cluster.ApplyAsync(A.Deployment("app", "llama"), Cancelled)).Succeeded();
        await cluster.RunningPodAsync("app", Cancelled);
        string old = await DigestAsync(cluster);
        Assert.HasCount(1, FoldersOf(cluster, old));

        byte[] file = ModelFiles.Gguf(2 << 20, seed: 2);
        await cluster.KubectlAsync(Cancelled, "delete", "model/llama", "--timeout=60s");
        await PublishAsync(cluster, file);
        await Eventually.GetAsync(() => Task.FromResult(FoldersOf(cluster, old).Length), folders => folders == 0, "the old model is removed from the claim", Cancelled, seconds: 180);
        string pod = await cluster.RunningPodAsync("app", Cancelled);
        CollectionAssert.AreEqual(file, await File.ReadAllBytesAsync(Mounted(cluster, pod), Cancelled));
        string now = await DigestAsync(cluster);
        await Eventually.GetAsync(
            () => cluster.KubectlAsync(Cancelled, "get", "pvc", "-o", "jsonpath={.items[*].metadata.annotations}"),
            records => records.Contains(now, StringComparison.Ordinal) && !records.Contains(old, StringComparison.Ordinal),
            "the claim's record says so",
            Cancelled,
            seconds: 180);
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task BareObjects_ThatAskForModels_AreToldByKubectl()
    {
        await using RunningCluster cluster = await RunningCluster.StartAsync(Cancelled);
        var pod = new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Pod",
            ["metadata"] = new JsonObject { ["name"] = "bare", ["annotations"] = new JsonObject { ["ai.deckhouse.io/model"] = "llama" } },
            ["spec"] = new JsonObject { ["containers"] = new JsonArray(new JsonObject { ["name"] = "server", ["image"] = "server" }) },
        };
        CommandResult answer = await cluster.ApplyAsync(pod, Cancelled);
        answer.Succeeded();
        StringAssert.Contains(answer.Error, "Warning: metadata.annotations[ai.deckhouse.io/model]: this Pod gets no models");
    }

    /// <summary>Requirement D9: the source manifest, compared and applied again, finds nothing to do and changes nothing of ours.</summary>
    private async Task AssertNoDriftAsync(RunningCluster cluster, JsonObject manifest)
    {
        string before = await cluster.KubectlAsync(Cancelled, "get", "deployment", "app", "-o", "jsonpath={.metadata.generation} {.spec.template}");
        CommandResult diff = await CommandResult.RunAsync("kubectl", ["diff", "-f", "-"], Cancelled, cluster.Environment, manifest.ToJsonString());
        Assert.AreEqual("", diff.Succeeded());
        StringAssert.Contains((await cluster.ApplyAsync(manifest, Cancelled)).Succeeded(), "unchanged");
        Assert.AreEqual(before, await cluster.KubectlAsync(Cancelled, "get", "deployment", "app", "-o", "jsonpath={.metadata.generation} {.spec.template}"));
    }

    private async Task PublishAsync(RunningCluster cluster, byte[] file)
    {
        (string url, string token) = await cluster.OpenUploadAsync("llama", Cancelled);
        (int status, string body) = await cluster.CurlUploadAsync(url + "?filename=llama.gguf", token, file, Cancelled);
        Assert.AreEqual(200, status, body);
        await cluster.WaitForPhaseAsync("llama", "Ready", Cancelled);
    }

    private Task<string> DigestAsync(RunningCluster cluster) => cluster.KubectlAsync(Cancelled, "get", "model", "llama", "-o", "jsonpath={.status.artifact.digest}");

    /// <summary>Where a claim holds the model.</summary>
    private static string[] FoldersOf(RunningCluster cluster, string digest) =>
        Directory.GetDirectories(Path.Combine(cluster.Data, "volumes"), digest[(digest.IndexOf(':') + 1)..], SearchOption.AllDirectories);

    private Task<string> MessageAsync(RunningCluster cluster) =>
        cluster.KubectlAsync(Cancelled, "get", "deployment", "app", "-o", "jsonpath={.metadata.annotations.ai\\.deckhouse\\.io/model-delivery-message}");

    private static string Mounted(RunningCluster cluster, string pod) => cluster.ContainerPath(pod, "/data/modelcache/models/llama/llama.gguf");
}
