using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;
using AiModels.Controllers.Delivery.NodeCache.Storage;
using AiModels.Controllers.Runtime;
using AiModels.Hosting.Kubernetes;
using AiModels.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace AiModels.Controllers.Tests.Delivery.NodeCache.Storage;

/// <summary>Nodes' caches on claims: from SDS that is not there, over disks that are, to nodes that leave.</summary>
[TestClass]
public sealed class NodeCacheProvisionerTests : IDisposable
{
    private readonly InMemoryKubernetes _cluster = new();
    private readonly RecordedEvents _events = new();
    private readonly NodeCacheReadiness _readiness = new();
    private readonly Informers _informers;
    private NodeCacheStorageOptions _options = new()
    {
        Kind = NodeCacheStorageOptions.Sds,
        CacheBytes = 200L << 30,
        BlockDeviceSelector = BlockDeviceSelector.Parse("disk=fast")!,
    };

    public NodeCacheProvisionerTests()
    {
        _informers = new Informers(_cluster, new ManualClock(), new Random(1), NullLoggerFactory.Instance);
        ServeSds();
        Put(ResourceTypes.PodTemplates, PodTemplate());
        Put(ResourceTypes.Nodes, Node("a"));
    }

    public TestContext TestContext { get; set; } = null!;

    public void Dispose() => _informers.Dispose();

    [TestMethod]
    public async Task Reconcile_WithoutTheApis_SaysWhichAndWhatElseCanBeDone()
    {
        _cluster.Raw = null;
        ReconcileResult result = await ReconcileAsync();
        Assert.AreEqual(
            "this cluster does not serve lvmvolumegroupsets.storage.deckhouse.io and localstorageclasses.storage.deckhouse.io: enable the modules sds-node-configurator and sds-local-volume, "
            + "or set --node-cache-storage to StorageClass or HostPath",
            _readiness.Problem);
        Assert.AreEqual($"Warning NodeCacheNotReady Node a: {_readiness.Problem}", _events.Texts.Single());
        Assert.IsEmpty(_cluster.Writes.Where(write => write.StartsWith("create", StringComparison.Ordinal)).Except(Setup));
        Assert.IsNotNull(result.RequeueAfter, "an API that is not there cannot be watched");
    }

    [TestMethod]
    public async Task Reconcile_WithHalfOfTheApis_NamesTheOtherHalf()
    {
        ServeSds("lvmvolumegroupsets");
        await ReconcileAsync();
        Assert.StartsWith("this cluster does not serve localstorageclasses.storage.deckhouse.io:", _readiness.Problem);
    }

    [TestMethod]
    public async Task Reconcile_AtFirst_AsksForAVolumeGroupOnEveryNodeOfTheCache()
    {
        await ReconcileAsync();
        JsonObject spec = _cluster.Find(ResourceTypes.LvmVolumeGroupSets, null, "ai-models-node-cache")!["spec"]!.AsObject();
        Assert.AreEqual("PerNode", (string?)spec["strategy"]);
        Assert.AreEqual("true", (string?)spec["nodeSelector"]!["matchLabels"]!["ai.deckhouse.io/model-cache"]);
        Assert.AreEqual("fast", (string?)spec["lvmVolumeGroupTemplate"]!["blockDeviceSelector"]!["matchLabels"]!["disk"]);
        Assert.StartsWith("LVMVolumeGroupSet ai-models-node-cache has no status yet", _readiness.Problem);
    }

    [TestMethod]
    public async Task Reconcile_WhileSdsSaysNo_RepeatsItsWords()
    {
        await ReconcileAsync();
        await StatusAsync(ResourceTypes.LvmVolumeGroupSets, """{ "phase": "NotCreated", "reason": "no BlockDevice matches" }""");
        await ReconcileAsync();
        Assert.AreEqual("LVMVolumeGroupSet ai-models-node-cache is NotCreated: no BlockDevice matches", _readiness.Problem);
    }

    [TestMethod]
    public async Task Reconcile_WithStorage_GivesTheNodeItsClaimAndItsPod()
    {
        await ReconcileWithGroupsAsync("a");
        string name = Cache("a").Name;
        JsonObject claim = _cluster.Find(ResourceTypes.PersistentVolumeClaims, Namespaces.Module, name)!;
        Assert.AreEqual("204800Mi", (string?)claim["spec"]!["resources"]!["requests"]!["storage"]);
        Assert.AreEqual("ai-models-node-cache", (string?)claim["spec"]!["storageClassName"]);
        JsonObject pod = _cluster.Find(ResourceTypes.Pods, Namespaces.Module, name)!;
        Assert.AreEqual(name, (string?)pod["spec"]!["volumes"]![0]!["persistentVolumeClaim"]!["claimName"]);
        JsonNode field = pod["spec"]!["affinity"]!["nodeAffinity"]!["requiredDuringSchedulingIgnoredDuringExecution"]!["nodeSelectorTerms"]![0]!["matchFields"]![0]!;
        Assert.AreEqual(("metadata.name", "a"), ((string?)field["key"], (string?)field["values"]![0]));
        Assert.AreEqual("204800Mi", Environment(pod, "AIMODELS_NODEAGENT_CAPACITY"), "the cache is as large as its claim");
        Assert.AreEqual("kept", Environment(pod, "OTHER"));
        Assert.AreEqual("yes", (string?)pod["metadata"]!["labels"]!["of-the-template"]);
        Assert.AreEqual(("Node", "uid-of-a"), ((string?)pod["metadata"]!["ownerReferences"]![0]!["kind"], (string?)pod["metadata"]!["ownerReferences"]![0]!["uid"]));
        Assert.IsNull(_readiness.Problem);
        Assert.IsEmpty(_events.Texts);
    }

    [TestMethod]
    public async Task Reconcile_Repeated_WritesNothing()
    {
        await ReconcileWithGroupsAsync("a");
        int before = _cluster.Writes.Count;
        await ReconcileAsync();
        CollectionAssert.AreEqual(Array.Empty<string>(), _cluster.Writes.Skip(before).ToArray());
    }

    [TestMethod]
    public async Task Reconcile_ANodeWithoutAVolumeGroup_IsToldOnThatNodeAndHoldsNobodyElseUp()
    {
        Put(ResourceTypes.Nodes, Node("b"));
        await ReconcileWithGroupsAsync("a");
        Assert.IsNotNull(_cluster.Find(ResourceTypes.Pods, Namespaces.Module, Cache("a").Name));
        Assert.IsNull(_cluster.Find(ResourceTypes.Pods, Namespaces.Module, Cache("b").Name));
        Assert.AreEqual("Warning NodeCacheNotReady Node b: no volume group was made on node b: it needs a BlockDevice that is consumable and that the selector takes", _events.Texts.Single());
        Assert.IsNull(_readiness.Problem);
    }

    [TestMethod]
    public async Task Reconcile_ANodeThatJoins_IsAddedToTheStorageClass()
    {
        await ReconcileWithGroupsAsync("a");
        Put(ResourceTypes.Nodes, Node("b"));
        await ReconcileWithGroupsAsync("a", "b");
        JsonArray groups = _cluster.Find(ResourceTypes.LocalStorageClasses, null, "ai-models-node-cache")!["spec"]!["lvm"]!["lvmVolumeGroups"]!.AsArray();
        CollectionAssert.AreEqual(new[] { "vg-a", "vg-b" }, groups.Select(group => (string?)group!["name"]).ToArray());
        Assert.IsNotNull(_cluster.Find(ResourceTypes.Pods, Namespaces.Module, Cache("b").Name));
    }

    [TestMethod]
    public async Task Reconcile_ANodeThatLosesItsLabel_LosesPodAndClaim()
    {
        await ReconcileWithGroupsAsync("a");
        await _cluster.DeleteAsync(ResourceTypes.Nodes, null, "a", null, null, TestContext.CancellationToken);
        Put(ResourceTypes.Nodes, Node("a", label: null));
        await ReconcileAsync();
        Assert.IsEmpty(_cluster.All(ResourceTypes.Pods));
        Assert.IsEmpty(_cluster.All(ResourceTypes.PersistentVolumeClaims));
    }

    [TestMethod]
    public async Task Reconcile_AnotherTemplate_ReplacesThePodAndKeepsTheClaim()
    {
        await ReconcileWithGroupsAsync("a");
        string? before = (string?)_cluster.Find(ResourceTypes.PersistentVolumeClaims, Namespaces.Module, Cache("a").Name)!["metadata"]!["uid"];
        JsonNode image = JsonNode.Parse("""{ "template": { "spec": { "containers": [ { "name": "nodeagent", "image": "new" } ] } } }""")!;
        await _cluster.PatchAsync(ResourceTypes.PodTemplates, Namespaces.Module, _options.PodTemplate, KubernetesPatch.Merge, image, null, null, TestContext.CancellationToken);
        await ReconcileAsync();
        Assert.IsEmpty(_cluster.All(ResourceTypes.Pods), "two Pods never have one cache");
        await ReconcileAsync();
        Assert.AreEqual("new", (string?)_cluster.All(ResourceTypes.Pods).Single()["spec"]!["containers"]![0]!["image"]);
        Assert.AreEqual(before, (string?)_cluster.All(ResourceTypes.PersistentVolumeClaims).Single()["metadata"]!["uid"]);
    }

    [TestMethod]
    public async Task Reconcile_APodThatFailed_IsMadeAnew()
    {
        await ReconcileWithGroupsAsync("a");
        JsonNode failed = JsonNode.Parse("""{ "status": { "phase": "Failed" } }""")!;
        await _cluster.PatchAsync(ResourceTypes.Pods, Namespaces.Module, Cache("a").Name, KubernetesPatch.Merge, failed, "status", null, TestContext.CancellationToken);
        await ReconcileAsync();
        await ReconcileAsync();
        Assert.IsNull(_cluster.All(ResourceTypes.Pods).Single()["status"]);
    }

    [TestMethod]
    public async Task Reconcile_ALargerCache_GrowsTheClaimAndReplacesThePod()
    {
        await ReconcileWithGroupsAsync("a");
        _options = _options with { CacheBytes = 300L << 30 };
        await ReconcileAsync();
        await ReconcileAsync();
        Assert.AreEqual("307200Mi", (string?)_cluster.All(ResourceTypes.PersistentVolumeClaims).Single()["spec"]!["resources"]!["requests"]!["storage"]);
        Assert.AreEqual("307200Mi", Environment(_cluster.All(ResourceTypes.Pods).Single(), "AIMODELS_NODEAGENT_CAPACITY"));
    }

    [TestMethod]
    public async Task Reconcile_AClaimThatCannotGrow_IsToldOnTheNode()
    {
        await ReconcileWithGroupsAsync("a");
        _options = _options with { CacheBytes = 300L << 30 };
        _cluster.Fault = call => call.StartsWith("patch persistentvolumeclaims", StringComparison.Ordinal) ? new KubernetesApiException(403, "Forbidden", "no expansion") : null;
        await ReconcileAsync();
        Assert.Contains("cannot grow to --node-cache-size: no expansion", _events.Texts.Single());
    }

    [TestMethod]
    public async Task Reconcile_WithoutTheTemplate_SaysWhereItComesFrom()
    {
        await _cluster.DeleteAsync(ResourceTypes.PodTemplates, Namespaces.Module, _options.PodTemplate, null, null, TestContext.CancellationToken);
        await ReconcileWithGroupsAsync("a");
        Assert.AreEqual("there is no PodTemplate d8-ai-models/ai-models-node-cache: it is part of manifests/components/node-cache-sds", _readiness.Problem);
    }

    [TestMethod]
    public async Task Reconcile_WhenSdsRefuses_SaysWhy()
    {
        _cluster.Fault = call => call.StartsWith("patch lvmvolumegroupsets", StringComparison.Ordinal) ? new KubernetesApiException(422, "Invalid", "the selector is empty") : null;
        await ReconcileAsync();
        Assert.AreEqual("SDS refuses: the selector is empty", _readiness.Problem);
    }

    [TestMethod]
    public async Task Reconcile_AStorageClassByName_NeedsNoSds()
    {
        _cluster.Raw = null;
        _options = _options with { Kind = NodeCacheStorageOptions.StorageClass, ClassName = "local" };
        await ReconcileAsync();
        Assert.AreEqual("there is no StorageClass 'local' (--node-cache-storage-class)", _readiness.Problem);
        Put(ResourceTypes.StorageClasses, new JsonObject { ["metadata"] = new JsonObject { ["name"] = "local" } });
        await ReconcileAsync();
        Assert.IsNull(_readiness.Problem);
        Assert.AreEqual("local", (string?)_cluster.All(ResourceTypes.PersistentVolumeClaims).Single()["spec"]!["storageClassName"]);
        Assert.HasCount(1, _cluster.All(ResourceTypes.Pods));
    }

    private static string[] Setup => ["create podtemplates/d8-ai-models/ai-models-node-cache", "create nodes/a"];

    private CacheNode Cache(string node) => new(node, "uid-of-" + node, _options);

    private Task<ReconcileResult> ReconcileAsync() => new NodeCacheProvisioner(
        _cluster,
        _options.Kind == NodeCacheStorageOptions.Sds ? new SdsStorage(_cluster, _informers, _options) : new ExistingClassStorage(_cluster, _informers, _options),
        _options,
        _readiness,
        _events,
        NullLogger<NodeCacheProvisioner>.Instance).ReconcileAsync(NodeCacheProvisioner.Key, TestContext.CancellationToken);

    /// <summary>With SDS' controllers having done their part for these nodes.</summary>
    private async Task ReconcileWithGroupsAsync(params string[] nodes)
    {
        await ReconcileAsync();
        var created = new JsonArray([.. nodes.Select(node => new JsonObject { ["nodeName"] = node, ["lvmVolumeGroupName"] = "vg-" + node })]);
        await StatusAsync(ResourceTypes.LvmVolumeGroupSets, new JsonObject { ["phase"] = "Created", ["createdLVMVolumeGroups"] = created }.ToJsonString());
        await ReconcileAsync();
        await StatusAsync(ResourceTypes.LocalStorageClasses, """{ "phase": "Created" }""");
        _events.Texts.Clear();
        await ReconcileAsync();
    }

    private Task StatusAsync(ResourceType type, string status) => _cluster.PatchAsync(
        type, null, "ai-models-node-cache", KubernetesPatch.Merge, new JsonObject { ["status"] = JsonNode.Parse(status) }, "status", null, TestContext.CancellationToken);

    private void ServeSds(params string[] plurals) => _cluster.Raw = (_, path) => path == "/apis/storage.deckhouse.io/v1alpha1"
        ? new JsonObject { ["resources"] = new JsonArray([.. (plurals.Length > 0 ? plurals : ["lvmvolumegroupsets", "localstorageclasses"]).Select(plural => new JsonObject { ["name"] = plural })]) }
        : null;

    private void Put(ResourceType type, JsonObject obj) => _cluster.CreateAsync(type, obj, null, CancellationToken.None).GetAwaiter().GetResult();

    private static JsonObject Node(string name, string? label = "true")
    {
        var metadata = new JsonObject { ["name"] = name, ["uid"] = "uid-of-" + name };
        if (label is not null)
        {
            metadata["labels"] = new JsonObject { [Labels.NodeCache] = label };
        }

        return new JsonObject { ["metadata"] = metadata };
    }

    private static JsonObject PodTemplate() => JsonNode.Parse("""
        {
          "metadata": { "name": "ai-models-node-cache", "namespace": "d8-ai-models" },
          "template": {
            "metadata": { "labels": { "of-the-template": "yes" } },
            "spec": {
              "containers": [ { "name": "nodeagent", "image": "old", "env": [ { "name": "AIMODELS_NODEAGENT_CAPACITY", "value": "1Gi" }, { "name": "OTHER", "value": "kept" } ] } ],
              "volumes": [ { "name": "cache", "emptyDir": {} }, { "name": "run", "emptyDir": {} } ]
            }
          }
        }
        """)!.AsObject();

    private static string? Environment(JsonObject pod, string name) =>
        (string?)pod["spec"]!["containers"]![0]!["env"]!.AsArray().Single(variable => (string?)variable!["name"] == name)!["value"];

    private sealed class RecordedEvents : IEventRecorder
    {
        public List<string> Texts { get; } = [];

        public Task RecordAsync(EventTarget target, EventType type, string reason, string message, CancellationToken cancellationToken)
        {
            Texts.Add($"{type} {reason} {target.Kind} {target.Name}: {message}");
            return Task.CompletedTask;
        }
    }
}
