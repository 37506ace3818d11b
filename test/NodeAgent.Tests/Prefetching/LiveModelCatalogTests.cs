using System.Text.Json.Nodes;
using AiModels.Hosting.Kubernetes;
using AiModels.NodeAgent.Authorization;
using AiModels.NodeAgent.Prefetching;
using Moq;

namespace AiModels.NodeAgent.Tests.Prefetching;

[TestClass]
public sealed class LiveModelCatalogTests
{
    private static readonly string Digest = "sha256:" + new string('a', 64);

    private readonly Mock<IKubernetesClient> _client = new();
    private readonly List<JsonObject> _pods = [];
    private readonly List<JsonObject> _clusterModels = [];

    public LiveModelCatalogTests()
    {
        _client.Setup(client => client.ListAsync(ResourceTypes.Pods, null, It.Is<KubernetesListOptions>(options => options.FieldSelector == "spec.nodeName="), It.IsAny<CancellationToken>()))
            .ReturnsAsync(() => new KubernetesList("1", _pods));
        _client.Setup(client => client.ListAsync(ResourceTypes.ClusterModels, null, null, It.IsAny<CancellationToken>())).ReturnsAsync(() => new KubernetesList("1", _clusterModels));
        Put(ResourceTypes.Models, "team-a", "tiny", "Ready");
    }

    [TestMethod]
    [DataRow("""{ "nodeSelector": { "kubernetes.io/hostname": "node-1" } }""", true, DisplayName = "selector for this node")]
    [DataRow("""{ "nodeSelector": { "kubernetes.io/hostname": "node-2" } }""", false, DisplayName = "selector for another node")]
    [DataRow("""{ "affinity": { "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [ { "matchFields": [ { "key": "metadata.name", "operator": "In", "values": [ "node-1" ] } ] } ] } } } }""", true, DisplayName = "DaemonSet Pod of this node")]
    [DataRow("""{ "affinity": { "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [ { "matchFields": [ { "key": "metadata.name", "operator": "In", "values": [ "node-1" ] } ] }, { } ] } } } }""", false, DisplayName = "one of two alternatives")]
    [DataRow("""{ "nodeName": "node-1", "nodeSelector": { "kubernetes.io/hostname": "node-1" } }""", false, DisplayName = "scheduled already")]
    [DataRow("{}", false, DisplayName = "may go anywhere")]
    public async Task Read_OfAWaitingPod_ExpectsItOnlyWhereItMustGo(string spec, bool expected)
    {
        _pods.Add(Pod(spec, "tiny"));
        WantedModels wanted = await Catalog().ReadAsync(CancellationToken.None);
        Assert.AreSequenceEqual(expected ? [new AuthorizedModel("Model", "team-a", "tiny", Digest, 42)] : Array.Empty<AuthorizedModel>(), wanted.Expected);
    }

    [TestMethod]
    public async Task Read_OfAPodWithAForgedOrUnreadyModel_ExpectsNothing()
    {
        Put(ResourceTypes.Models, "team-a", "slow", "Publishing");
        foreach (string model in (string[])["slow", "of-another-namespace"])
        {
            _pods.Add(Pod("""{ "nodeSelector": { "kubernetes.io/hostname": "node-1" } }""", model));
        }

        Assert.IsEmpty((await Catalog().ReadAsync(CancellationToken.None)).Expected);
    }

    [TestMethod]
    public async Task Read_OfClusterModels_TellsThePinnedThatAreReady()
    {
        _clusterModels.Add(Model("pinned", "Ready", pin: "true"));
        _clusterModels.Add(Model("unpinned", "Ready", pin: "false"));
        _clusterModels.Add(Model("unready", "Publishing", pin: "true"));
        WantedModels wanted = await Catalog().ReadAsync(CancellationToken.None);
        Assert.AreSequenceEqual([new AuthorizedModel("ClusterModel", null, "pinned", Digest, 42)], wanted.Pinned);
    }

    private LiveModelCatalog Catalog() => new(_client.Object, new LiveStateAuthorizer(_client.Object, "node-1"), new ServeOptions { NodeName = "node-1" });

    private static JsonObject Pod(string spec, string model)
    {
        JsonObject pod = new() { ["metadata"] = new JsonObject { ["name"] = "p", ["namespace"] = "team-a" }, ["spec"] = JsonNode.Parse(spec) };
        pod["spec"]!["volumes"] = JsonNode.Parse($$"""
            [ { "name": "m", "csi": { "driver": "node-cache.ai-models.deckhouse.io", "volumeAttributes": {
              "ai.deckhouse.io/model-kind": "Model", "ai.deckhouse.io/model-name": "{{model}}", "ai.deckhouse.io/digest": "{{Digest}}" } } } ]
            """);
        return pod;
    }

    private void Put(ResourceType type, string? ns, string name, string phase) =>
        _client.Setup(client => client.GetAsync(type, ns, name, It.IsAny<CancellationToken>())).ReturnsAsync(Model(name, phase));

    private static JsonObject Model(string name, string phase, string pin = "") => JsonNode.Parse($$"""
        { "metadata": { "name": "{{name}}", "annotations": { "ai.deckhouse.io/node-cache-pin": "{{pin}}" } },
          "status": { "phase": "{{phase}}", "artifact": { "digest": "{{Digest}}", "sizeBytes": 42 } } }
        """)!.AsObject();
}
