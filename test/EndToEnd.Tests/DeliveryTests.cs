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

    private Task<string> MessageAsync(RunningCluster cluster) =>
        cluster.KubectlAsync(Cancelled, "get", "deployment", "app", "-o", "jsonpath={.metadata.annotations.ai\\.deckhouse\\.io/model-delivery-message}");

    private static string Mounted(RunningCluster cluster, string pod) => cluster.ContainerPath(pod, "/data/modelcache/models/llama/llama.gguf");
}
