using System.Text.Json.Nodes;
using AiModels.TestKit;

namespace AiModels.EndToEnd.Tests;

/// <summary>Pods that write volumes of our driver themselves and ask for what is not theirs (requirement D6), against the running node: nobody gets a file, and each is told why.</summary>
[TestClass]
public sealed class TheftTests
{
    private static readonly string OtherDigest = "sha256:" + new string('b', 64);
    private static RunningCluster? _cluster;
    private static string _digest = "";

    public TestContext TestContext { get; set; } = null!;

    private static RunningCluster Cluster => _cluster!;

    private CancellationToken Cancelled => TestContext.CancellationToken;

    [ClassInitialize]
    public static async Task StartAsync(TestContext context)
    {
        if (!Environment.IsPrivilegedProcess) return;
        _cluster = await RunningCluster.StartAsync(context.CancellationToken, "--delivery-type", "NodeCache");
        (string url, string token) = await Cluster.OpenUploadAsync("llama", context.CancellationToken);
        Assert.AreEqual(200, (await Cluster.CurlUploadAsync(url + "?filename=llama.gguf", token, ModelFiles.Gguf(1 << 20), context.CancellationToken)).Status);
        _digest = (string)(await Cluster.WaitForPhaseAsync("llama", "Ready", context.CancellationToken))["status"]!["artifact"]!["digest"]!;
        await Cluster.KubectlAsync(context.CancellationToken, "create", "namespace", "thief");
    }

    [ClassCleanup]
    public static async Task StopAsync()
    {
        if (_cluster is not null) await _cluster.DisposeAsync();
    }

    [TestInitialize]
    public void NeedRoot()
    {
        if (_cluster is null) Assert.Inconclusive("bind mounts need root");
    }

    [TestMethod]
    [Timeout(300_000, CooperativeCancellation = true)]
    public async Task AVolumeOfItsOwnModel_IsMounted()
    {
        await CreateAsync("default", "owner", Volume("Model", "llama", _digest));
        await Eventually.GetAsync(() => ShowAsync("default", "owner", "{.status.phase}"), phase => phase == "Running", "the owner has its model", Cancelled, seconds: 180);
        Assert.IsTrue(File.Exists(Cluster.ContainerPath("owner", "/models/llama.gguf")));
    }

    [TestMethod]
    [Timeout(300_000, CooperativeCancellation = true)]
    [DataRow("thief", "copied", "Model", "llama", "", "code = NotFound desc = there is no Model thief/llama")]
    [DataRow("thief", "elevated", "ClusterModel", "llama", "", "code = NotFound desc = there is no ClusterModel llama")]
    [DataRow("thief", "spelled-out", "Model", "default/llama", "", "code = InvalidArgument desc = volume_context[ai.deckhouse.io/model-name]")]
    [DataRow("default", "forged-digest", "Model", "llama", "other", "code = PermissionDenied desc = Model default/llama has digest sha256:")]
    [DataRow("default", "digest-as-path", "Model", "llama", "sha256:../../../../etc", "code = InvalidArgument desc = volume_context[ai.deckhouse.io/digest]")]
    public async Task AVolumeOfWhatIsNotIts_IsRefused(string ns, string pod, string kind, string model, string digest, string reason)
    {
        await CreateAsync(ns, pod, Volume(kind, model, digest switch { "" => _digest, "other" => OtherDigest, _ => digest }));
        await RefusedAsync(ns, pod, reason);
    }

    [TestMethod]
    [Timeout(300_000, CooperativeCancellation = true)]
    public async Task APodThatPosesAsAnother_IsWhoKubeletSaysItIs()
    {
        JsonObject attributes = Volume("Model", "llama", _digest);
        attributes["csi.storage.k8s.io/pod.namespace"] = "default";
        attributes["csi.storage.k8s.io/pod.name"] = "owner";
        attributes["csi.storage.k8s.io/ephemeral"] = "false";
        await CreateAsync("thief", "poser", attributes);
        await RefusedAsync("thief", "poser", "code = NotFound desc = there is no Model thief/llama");
    }

    [TestMethod]
    [Timeout(300_000, CooperativeCancellation = true)]
    public async Task AVolumeWithAnAttributeMore_IsRefused()
    {
        JsonObject attributes = Volume("Model", "llama", _digest);
        attributes["ai.deckhouse.io/path"] = "/etc";
        await CreateAsync("default", "curious", attributes);
        await RefusedAsync("default", "curious", "code = InvalidArgument desc = volume_context[ai.deckhouse.io/path] is not known");
    }

    private async Task RefusedAsync(string ns, string pod, string reason)
    {
        await Eventually.GetAsync(
            () => ShowAsync(ns, pod, "{.status}"),
            status => status.Contains(reason, StringComparison.Ordinal),
            $"{pod} is told: {reason}",
            Cancelled,
            seconds: 180);
        Assert.AreEqual("Pending", await ShowAsync(ns, pod, "{.status.phase}"));
        string folder = Path.Combine(Cluster.NodeRoot, ns, pod);
        Assert.IsFalse(Directory.Exists(folder) && Directory.EnumerateFiles(folder, "*.gguf", SearchOption.AllDirectories).Any(), "a file is there all the same");
        await Cluster.KubectlAsync(Cancelled, "delete", "pod", pod, "-n", ns, "--timeout=60s");
    }

    private Task<string> ShowAsync(string ns, string pod, string path) => Cluster.KubectlAsync(Cancelled, "get", "pod", pod, "-n", ns, "-o", $"jsonpath={path}");

    private async Task CreateAsync(string ns, string name, JsonObject attributes) => (await Cluster.ApplyAsync(
        new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Pod",
            ["metadata"] = new JsonObject { ["name"] = name, ["namespace"] = ns },
            ["spec"] = new JsonObject
            {
                ["containers"] = new JsonArray(new JsonObject
                {
                    ["name"] = "server",
                    ["image"] = "server",
                    ["volumeMounts"] = new JsonArray(new JsonObject { ["name"] = "model", ["mountPath"] = "/models" }),
                }),
                ["volumes"] = new JsonArray(new JsonObject
                {
                    ["name"] = "model",
                    ["csi"] = new JsonObject { ["driver"] = "node-cache.ai-models.deckhouse.io", ["readOnly"] = true, ["volumeAttributes"] = attributes },
                }),
            },
        },
        Cancelled)).Succeeded();

    private static JsonObject Volume(string kind, string name, string digest) => new()
    {
        ["ai.deckhouse.io/model-kind"] = kind,
        ["ai.deckhouse.io/model-name"] = name,
        ["ai.deckhouse.io/digest"] = digest,
    };
}
