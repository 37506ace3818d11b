using System.Text.Json.Nodes;
using AiModels.TestKit;

namespace AiModels.EndToEnd.Tests;

/// <summary>Every verb that kubectl has for our kinds, with strict validation as it is by default (contract section 8).</summary>
[TestClass]
public sealed class KubectlTests
{
    private static RunningCluster s_cluster = null!;
    private readonly TempFolder _folder = new();

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Cancelled => TestContext.CancellationToken;

    [ClassInitialize]
    public static async Task StartAsync(TestContext context) =>
        s_cluster = await RunningCluster.StartAsync(context.CancellationToken, "--without", "nodeagent,csi-driver");

    [ClassCleanup]
    public static async Task StopAsync() => await s_cluster.DisposeAsync();

    [TestCleanup]
    public void Clean() => _folder.Dispose();

    [TestMethod]
    [Timeout(300_000, CooperativeCancellation = true)]
    public async Task K9_K10_K13_List_IsAppliedDiffedAndApplied_ByBothSides()
    {
        string file = await WriteAsync("list.yaml", """
            apiVersion: v1
            kind: List
            items:
              - {apiVersion: v1, kind: ConfigMap, metadata: {name: k9}, data: {a: b}}
              - {apiVersion: ai.deckhouse.io/v1alpha1, kind: Model, metadata: {name: k9, labels: {a: b}}, spec: {source: {upload: {}}}}
            """);
        string created = await KubectlAsync("apply", "-f", file);
        string unchanged = await KubectlAsync("apply", "-f", file);
        await KubectlAsync("diff", "-f", file);
        string served = await KubectlAsync("apply", "--server-side", "--force-conflicts", "-f", file);
        await KubectlAsync("diff", "--server-side", "--force-conflicts", "-f", file);
        string dry = await KubectlAsync("apply", "--dry-run=server", "-f", file);
        CommandResult typo = await RunAsync("apply", "-f", await WriteAsync(
            "typo.yaml", "---\n{apiVersion: ai.deckhouse.io/v1alpha1, kind: Model, metadata: {name: typo}, spec: {sauce: {}, source: {upload: {}}}}"));
        CommandResult changed = await RunAsync("diff", "-f", await WriteAsync(
            "changed.yaml", "---\n{apiVersion: ai.deckhouse.io/v1alpha1, kind: Model, metadata: {name: k9, labels: {a: c}}, spec: {source: {upload: {}}}}"));

        StringAssert.Contains(created, "model.ai.deckhouse.io/k9 created");
        StringAssert.Contains(unchanged, "model.ai.deckhouse.io/k9 unchanged");
        StringAssert.Contains(served, "model.ai.deckhouse.io/k9 serverside-applied");
        StringAssert.Contains(dry, "(server dry run)");
        StringAssert.Contains(typo.Error, "unknown field \"spec.sauce\"");
        Assert.AreEqual(1, changed.ExitCode, "diff found a difference");
        StringAssert.Contains(changed.Output, "+    a: c");
    }

    [TestMethod]
    [Timeout(300_000, CooperativeCancellation = true)]
    public async Task K4_K5_K6_K7_Models_AreShownWatchedWaitedForAndDescribed()
    {
        await CreateAsync("k4");
        Task<string> condition = KubectlAsync("wait", "model/k4", "--for=jsonpath={.status.phase}=WaitForUpload", "--timeout=120s");

        await condition;
        string table = await KubectlAsync("get", "models", "k4");
        string wide = await KubectlAsync("get", "models", "-A", "-o", "wide", "--show-labels", "--sort-by=.metadata.name");
        string name = await KubectlAsync("get", "model", "k4", "-o", "custom-columns=N:.metadata.name", "--no-headers");
        Task<CommandResult> watching = RunAsync("get", "model", "k4", "--watch", "--output-watch-events", "-o", "name", "--request-timeout=20s");
        Task<string> deleted = KubectlAsync("wait", "model/k4", "--for=delete", "--timeout=120s");
        string described = await KubectlAsync("describe", "model", "k4");
        await KubectlAsync("annotate", "model", "k4", "seen=yes");
        await KubectlAsync("delete", "model", "k4", "--wait=true", "--cascade=background", "--timeout=120s");

        StringAssert.StartsWith(table, "NAME");
        StringAssert.Contains(table, "WaitForUpload");
        StringAssert.Contains(wide, "k4");
        Assert.AreEqual("k4", name.Trim());
        StringAssert.Contains(described, "Kind:         Model");
        StringAssert.Contains(described, "Events:");
        await deleted;
        StringAssert.Contains((await watching).Output, "model.ai.deckhouse.io/k4");
    }

    [TestMethod]
    [Timeout(300_000, CooperativeCancellation = true)]
    public async Task G15_K11_Model_DeletedInTheForeground_GoesAfterWhatItOwns_AndOrphaned_LeavesIt()
    {
        await CreateAsync("foreground");
        await CreateAsync("orphaning");
        await OwnedByAsync("owned", await s_cluster.GetAsync("model", "foreground", Cancelled));
        await OwnedByAsync("left", await s_cluster.GetAsync("model", "orphaning", Cancelled));

        await KubectlAsync("delete", "model", "foreground", "--cascade=foreground", "--timeout=120s");
        CommandResult owned = await RunAsync("get", "configmap", "owned");
        await KubectlAsync("delete", "model", "orphaning", "--cascade=orphan", "--timeout=120s");
        JsonObject left = await s_cluster.GetAsync("configmap", "left", Cancelled);

        StringAssert.Contains(owned.Error, "not found", "it went first");
        Assert.IsNull(left["metadata"]!["ownerReferences"]?.AsArray().FirstOrDefault());
    }

    [TestMethod]
    [Timeout(300_000, CooperativeCancellation = true)]
    public async Task K8_K11_K14_Models_AreLabelledPatchedEditedReplacedAndDeleted()
    {
        await CreateAsync("k11");
        await KubectlAsync("label", "model", "k11", "one=1");
        await KubectlAsync("label", "model", "k11", "one=2", "--overwrite");
        await KubectlAsync("annotate", "model", "k11", "note=x");
        await KubectlAsync("patch", "model", "k11", "--type=merge", "-p", """{"metadata":{"labels":{"two":"2"}}}""");
        await KubectlAsync("patch", "model", "k11", "--type=json", "-p", """[{"op":"add","path":"/metadata/labels/three","value":"3"}]""");
        CommandResult strategic = await RunAsync("patch", "model", "k11", "-p", """{"metadata":{"labels":{"four":"4"}}}""");
        CommandResult edited = await CommandResult.RunAsync("kubectl", ["edit", "model", "k11"], Cancelled,
            new Dictionary<string, string>(s_cluster.Environment) { ["KUBE_EDITOR"] = "sed -i 's/note: x/note: edited/'" });
        JsonObject model = await s_cluster.GetAsync("model", "k11", Cancelled);
        model["metadata"]!["labels"]!["five"] = "5";
        string replaced = await KubectlAsync("replace", "-f", await WriteAsync("replace.json", model.ToJsonString()));
        JsonObject after = await s_cluster.GetAsync("model", "k11", Cancelled);
        string deleted = await KubectlAsync("delete", "models", "-l", "one=2", "--cascade=background", "--timeout=120s");

        Assert.AreEqual("2", (string?)after["metadata"]!["labels"]!["one"]);
        CollectionAssert.IsSubsetOf(new[] { "one", "two", "three", "five" }, after["metadata"]!["labels"]!.AsObject().Select(label => label.Key).ToArray());
        StringAssert.Contains(strategic.Error, "application/strategic-merge-patch+json is not supported by ai.deckhouse.io/v1alpha1, Kind=Model");
        StringAssert.Contains(edited.Output, "model.ai.deckhouse.io/k11 edited");
        StringAssert.Contains(replaced, "replaced");
        StringAssert.Contains(deleted, "model.ai.deckhouse.io \"k11\" deleted");
    }

    [TestMethod]
    [Timeout(300_000, CooperativeCancellation = true)]
    public async Task K12_Schema_ResourcesAndRights_AreExplained()
    {
        string explained = await KubectlAsync("explain", "models.spec.source", "--recursive");
        string resources = await KubectlAsync("api-resources", "--api-group=ai.deckhouse.io", "-o", "wide");
        CommandResult admin = await RunAsync("auth", "can-i", "create", "models"), jane = await RunAsync("auth", "can-i", "create", "models", "--as", "jane");
        string rights = await KubectlAsync("auth", "can-i", "--list", "--as", "jane");
        CommandResult refused = await RunAsync("get", "models", "--as", "jane");
        string who = await KubectlAsync("auth", "whoami");

        StringAssert.Contains(explained, "KIND:       Model");
        StringAssert.Contains(explained, "upload");
        StringAssert.Contains(resources, "create,delete,deletecollection,get,list,patch,update,watch");
        Assert.AreEqual((0, "yes"), (admin.ExitCode, admin.Output.Trim()));
        Assert.AreEqual((1, "no"), (jane.ExitCode, jane.Output.Trim()));
        StringAssert.Contains(rights, "selfsubjectaccessreviews.authorization.k8s.io");
        StringAssert.Contains(refused.Error, "models.ai.deckhouse.io is forbidden: User \"jane\" cannot list resource \"models\" in API group \"ai.deckhouse.io\" in the namespace \"default\"");
        StringAssert.Contains(who, "kubernetes-admin");
    }

    [TestMethod]
    [Timeout(300_000, CooperativeCancellation = true)]
    public async Task K1_K2_K3_Q5_Q6_RawRequests_AndSubresources_WorkThroughTheAggregator()
    {
        await CreateAsync("k2");
        await s_cluster.WaitForPhaseAsync("k2", "WaitForUpload", Cancelled);
        const string Path = "/apis/ai.deckhouse.io/v1alpha1/namespaces/default/models";

        string session = await KubectlAsync("create", "--raw", Path + "/k2/upload", "-f", await WriteAsync("upload.json", """{"apiVersion":"ai.deckhouse.io/v1alpha1","kind":"UploadSession","spec":{"fileName":"m.gguf"}}"""));
        string raw = await KubectlAsync("get", "--raw", Path + "?limit=1");
        string status = await KubectlAsync("get", "model", "k2", "--subresource=status", "-o", "jsonpath={.status.phase}");
        CommandResult wrong = await RunAsync("get", "--raw", Path + "/k2/nothing");

        Assert.IsNotNull(JsonNode.Parse(session)!["status"]!["url"]);
        Assert.AreEqual("ModelList", (string?)JsonNode.Parse(raw)!["kind"]);
        Assert.AreEqual("WaitForUpload", status);
        StringAssert.Contains(wrong.Error, "the server could not find the requested resource");
        string audit = await File.ReadAllTextAsync(System.IO.Path.Combine(s_cluster.Data, "audit.log"), Cancelled);
        StringAssert.Contains(audit, "\"subresource\":\"upload\"", "who opened an upload is on record");
    }

    [TestMethod]
    [Timeout(300_000, CooperativeCancellation = true)]
    public async Task K11_Scale_OfAWorkload_MindsItsCurrentReplicas()
    {
        await KubectlAsync("create", "deployment", "scaled", "--image=x", "--replicas=1");

        string scaled = await KubectlAsync("scale", "deployment", "scaled", "--current-replicas=1", "--replicas=2");
        CommandResult refused = await RunAsync("scale", "deployment", "scaled", "--current-replicas=7", "--replicas=3");

        StringAssert.Contains(scaled, "scaled");
        Assert.AreNotEqual(0, refused.ExitCode);
    }

    [TestMethod]
    [Timeout(300_000, CooperativeCancellation = true)]
    public async Task A4_AV4_Certificate_IsGoodForTheNameOfTheService()
    {
        CommandResult openssl = await CommandResult.RunAsync(
            "openssl",
            [
                "s_client", "-connect", $"127.0.0.1:{s_cluster.Port + 1}", "-servername", "ai-models-apiserver.d8-ai-models.svc",
                "-verify_hostname", "ai-models-apiserver.d8-ai-models.svc", "-CAfile", System.IO.Path.Combine(s_cluster.Data, "pki", "ca.crt"), "-verify_return_error",
            ],
            Cancelled);

        StringAssert.Contains(openssl.Output, "Verify return code: 0 (ok)");
    }

    private async Task CreateAsync(string name) => (await s_cluster.ApplyAsync(A.Model(name).FromUpload().Build(), Cancelled)).Succeeded();

    private async Task OwnedByAsync(string name, JsonObject model) => await KubectlAsync("apply", "-f", await WriteAsync($"{name}.yaml", $"""
        apiVersion: v1
        kind: ConfigMap
        metadata:
          name: {name}
          ownerReferences:
          - apiVersion: ai.deckhouse.io/v1alpha1
            kind: Model
            name: {model["metadata"]!["name"]}
            uid: {model["metadata"]!["uid"]}
            blockOwnerDeletion: true
        """));

    private async Task<string> WriteAsync(string name, string content)
    {
        await File.WriteAllTextAsync(_folder[name], content, Cancelled);
        return _folder[name];
    }

    private Task<string> KubectlAsync(params string[] arguments) => s_cluster.KubectlAsync(Cancelled, arguments);

    private Task<CommandResult> RunAsync(params string[] arguments) => s_cluster.TryKubectlAsync(Cancelled, arguments);
}
