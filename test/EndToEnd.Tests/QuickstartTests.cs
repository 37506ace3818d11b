using System.Text.Json.Nodes;
using AiModels.TestKit;

namespace AiModels.EndToEnd.Tests;

/// <summary>The main job: declare a Model, upload a file, find it mounted in a workload that was there first.</summary>
[TestClass]
public sealed class QuickstartTests
{
    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Cancelled => TestContext.CancellationToken;

    [TestMethod]
    [DataRow("SharedPVC")]
    [DataRow("NodeCache")]
    [Timeout(180_000, CooperativeCancellation = true)]
    public async Task Upload_ThenReady_IsMountedReadOnlyInTheWaitingWorkload(string deliveryType)
    {
        if (deliveryType == "NodeCache" && !Environment.IsPrivilegedProcess) Assert.Inconclusive("bind mounts need root");
        await using RunningCluster cluster = await RunningCluster.StartAsync(Cancelled, "--delivery-type", deliveryType);

        // The workload comes first: its Pod waits.
        (await cluster.ApplyAsync(A.Deployment("app", "llama"), Cancelled)).Succeeded();
        (string url, string token) = await cluster.OpenUploadAsync("llama", Cancelled);
        string gate = await Eventually.GetAsync(
            () => cluster.KubectlAsync(Cancelled, "get", "pods", "-l", "app=app", "-o", "jsonpath={.items[*].spec.schedulingGates[*].name}"), g => g.Length > 0, "the Pod is gated", Cancelled);
        Assert.AreEqual("ai.deckhouse.io/model-delivery", gate);

        byte[] file = ModelFiles.Gguf(20 << 20);
        (int status, string body) = await cluster.CurlUploadAsync(url + "?filename=llama.gguf", token, file, Cancelled);
        Assert.AreEqual(200, status, body);
        JsonObject model = await cluster.WaitForPhaseAsync("llama", "Ready", Cancelled);
        Assert.AreEqual("GGUF", (string?)model["status"]!["resolved"]!["format"]);
        Assert.AreEqual("100%", (string?)model["status"]!["progress"]);
        StringAssert.Contains(await cluster.KubectlAsync(Cancelled, "get", "models"), "Ready");

        string pod = await cluster.RunningPodAsync("app", Cancelled);
        string mounted = cluster.ContainerPath(pod, "/data/modelcache/models/llama/llama.gguf");
        byte[] seen = await File.ReadAllBytesAsync(mounted, Cancelled);
        Assert.IsTrue(file.SequenceEqual(seen), "the mounted file is what was uploaded");
        if (Environment.IsPrivilegedProcess)
            Assert.ThrowsExactly<IOException>(() => File.WriteAllText(cluster.ContainerPath(pod, "/data/modelcache/models/llama/intruder"), ""));
        JsonObject running = await cluster.GetAsync("pod", pod, Cancelled);
        var variables = running["spec"]!["containers"]![0]!["env"]!.AsArray().ToDictionary(v => (string)v!["name"]!, v => (string?)v!["value"]);
        Assert.AreEqual("/data/modelcache/models", variables["AI_MODELS_MODELS_DIR"]);
        StringAssert.Contains(variables["AI_MODELS_MODELS"], "/data/modelcache/models/llama");

        await TakeBackAsync(cluster);
    }

    /// <summary>Without the annotation everything we added goes (requirement D9).</summary>
    private async Task TakeBackAsync(RunningCluster cluster)
    {
        await cluster.KubectlAsync(Cancelled, "annotate", "deployment", "app", "ai.deckhouse.io/model-");
        JsonObject deployment = await Eventually.GetAsync(
            () => cluster.GetAsync("deployment", "app", Cancelled),
            d => d["spec"]!["template"]!["spec"]!["volumes"] is not JsonArray { Count: > 0 }, "the volumes are taken back", Cancelled);
        Assert.IsNull(deployment["spec"]!["template"]!["spec"]!["containers"]![0]!["env"]?.AsArray().FirstOrDefault());
        await cluster.KubectlAsync(Cancelled, "delete", "deployment/app", "model/llama", "--timeout=60s");
        await Eventually.GetAsync(() => cluster.KubectlAsync(Cancelled, "get", "pods", "-o", "name"), pods => pods.Length == 0, "the Pods are gone", Cancelled);
    }
}
