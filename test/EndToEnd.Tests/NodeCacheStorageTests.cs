using System.Text.Json.Nodes;
using AiModels.TestKit;

namespace AiModels.EndToEnd.Tests;

/// <summary>Caches on storage of SDS, through the real API and under the rights of the manifests: the objects that are asked for, the node's claim and Pod, and their end.</summary>
[TestClass]
public sealed class NodeCacheStorageTests
{
    // Named as the one of manifests/components/node-cache-sds; its container is none of our programs, so that nothing runs on this machine's own folders.
    private const string Template = """
        {
          "apiVersion": "v1", "kind": "PodTemplate",
          "metadata": { "name": "ai-models-node-cache", "namespace": "d8-ai-models" },
          "template": {
            "metadata": { "labels": { "app.kubernetes.io/name": "ai-models-nodeagent" } },
            "spec": {
              "containers": [ { "name": "nodeagent", "image": "IMAGE", "volumeMounts": [ { "name": "cache", "mountPath": "/var/lib/ai-models/cache" } ] } ],
              "volumes": [ { "name": "cache", "emptyDir": {} } ]
            }
          }
        }
        """;

    private static RunningCluster _cluster = null!;

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Cancelled => TestContext.CancellationToken;

    [ClassInitialize]
    public static async Task StartAsync(TestContext context) =>
        _cluster = await RunningCluster.StartAsync(context.CancellationToken, "--delivery-type", "NodeCache", "--node-cache-storage", "SDS");

    [ClassCleanup]
    public static async Task StopAsync() => await _cluster.DisposeAsync();

    [TestMethod]
    [Timeout(300_000, CooperativeCancellation = true)]
    public async Task Node_OfTheCache_GetsClaimAndPodAndLosesThemWithItsLabel()
    {
        await ApplyTemplateAsync("one");
        JsonObject pod = await PodAsync(pod => (string?)pod["status"]?["phase"] == "Running", "the node's Pod runs");
        string name = (string)pod["metadata"]!["name"]!;
        Assert.AreEqual(name, (string?)pod["spec"]!["volumes"]![0]!["persistentVolumeClaim"]!["claimName"]);
        Assert.AreEqual("Bound ai-models-node-cache 1024Mi", await ShowAsync($"pvc/{name}", "{.status.phase} {.spec.storageClassName} {.spec.resources.requests.storage}"));
        Assert.AreEqual("Created PerNode true", await ShowAsync("lvmvolumegroupset/ai-models-node-cache", @"{.status.phase} {.spec.strategy} {.spec.nodeSelector.matchLabels.ai\.deckhouse\.io/model-cache}"));
        Assert.AreEqual("Created Thick WaitForFirstConsumer", await ShowAsync("localstorageclass/ai-models-node-cache", "{.status.phase} {.spec.lvm.type} {.spec.volumeBindingMode}"));

        string uid = (string)pod["metadata"]!["uid"]!;
        await ApplyTemplateAsync("two");
        JsonObject second = await PodAsync(pod => (string?)pod["metadata"]!["uid"] != uid, "another template makes another Pod");
        Assert.AreEqual("two", (string?)second["spec"]!["containers"]![0]!["image"]);

        await _cluster.KubectlAsync(Cancelled, "label", "nodes", "--all", "ai.deckhouse.io/model-cache-");
        await Eventually.GetAsync(
            () => _cluster.KubectlAsync(Cancelled, "get", "pods,pvc", "-n", "d8-ai-models", "-l", "app.kubernetes.io/component=node-cache", "-o", "name"),
            left => left.Length == 0,
            "Pod and claim are gone",
            Cancelled,
            seconds: 180);
        await _cluster.KubectlAsync(Cancelled, "label", "nodes", "--all", "ai.deckhouse.io/model-cache=true");
        await PodAsync(_ => true, "the label brings them back");

        string log = await File.ReadAllTextAsync(Path.Combine(_cluster.Data, "cluster.log"), Cancelled);
        CollectionAssert.AreEqual(Array.Empty<string>(), log.Split('\n').Where(line => line.Contains("Not allowed: system:serviceaccount:d8-ai-models:", StringComparison.Ordinal)).ToArray());
    }

    private async Task ApplyTemplateAsync(string image) =>
        (await _cluster.ApplyAsync(JsonNode.Parse(Template.Replace("IMAGE", image, StringComparison.Ordinal))!.AsObject(), Cancelled)).Succeeded();

    private async Task<string> ShowAsync(string obj, string path) => await _cluster.KubectlAsync(Cancelled, "get", obj, "-n", "d8-ai-models", "-o", $"jsonpath={path}");

    private async Task<JsonObject> PodAsync(Func<JsonObject, bool> isRight, string what) => (await Eventually.GetAsync(
        async () => JsonNode.Parse(await _cluster.KubectlAsync(Cancelled, "get", "pods", "-n", "d8-ai-models", "-l", "app.kubernetes.io/component=node-cache", "-o", "json"))!["items"]!
            .AsArray().OfType<JsonObject>().SingleOrDefault(pod => pod["metadata"]?["deletionTimestamp"] is null),
        pod => pod is not null && isRight(pod),
        what,
        Cancelled,
        seconds: 180))!;
}
