using System.Text.Json.Nodes;

namespace AiModels.ApiServer.Tests.ApiMachinery.Contract;

/// <summary>
/// The exact requests of kube-controller-manager's garbage collector and namespace controller, of client-go's reflector and of its metadata informer, with
/// their headers (contract section 6, W12, N12).
/// </summary>
[TestClass]
public sealed class HostControllerTests
{
    private const string One = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
    private const string Many = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
    private const string WatchList = "watch=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&sendInitialEvents=true&timeoutSeconds=30";
    private static WidgetServer s_server = null!;

    public required TestContext TestContext { get; set; }

    [ClassInitialize]
    public static async Task StartAsync(TestContext context) => s_server = await WidgetServer.StartAsync();

    [ClassCleanup]
    public static async Task StopAsync() => await s_server.DisposeAsync();

    [TestMethod]
    [Timeout(60_000)]
    public async Task G10_W12_N12_MetadataInformer_SyncsByItsFirstWatch_AndFollows()
    {
        await CreateAsync("g10", "a", []);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/apis/example.com/v1/widgets?" + WatchList);
        request.Headers.TryAddWithoutValidation("Accept", One);
        using HttpResponseMessage response = await s_server.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.CancellationToken);
        using var lines = new StreamReader(await response.Content.ReadAsStreamAsync(TestContext.CancellationToken));

        JsonNode change;
        List<string> seen = [];
        while ((string?)(change = await NextAsync(lines))["type"] == "ADDED")
        {
            seen.Add($"{change["object"]!["kind"]} {change["object"]!["metadata"]!["name"]}");
            Assert.IsNull(change["object"]!["spec"]);
        }

        Assert.Contains("PartialObjectMetadata a", seen);
        Assert.AreEqual("BOOKMARK", (string?)change["type"]);
        Assert.AreEqual("PartialObjectMetadata", (string?)change["object"]!["kind"]);
        Assert.AreEqual("true", (string?)change["object"]!["metadata"]!["annotations"]!["k8s.io/initial-events-end"]);
        await CreateAsync("g10", "b", []);
        Assert.AreEqual("b", (string?)(await NextAsync(lines))["object"]!["metadata"]!["name"]);
    }

    [TestMethod]
    public async Task G11_GarbageCollector_VerifiesAnOwnerByItsMetadata()
    {
        JsonObject owner = await CreateAsync("g11", "owner", []);

        Answer found = await s_server.SendAsync("GET", WidgetServer.Widgets("g11") + "/owner", accept: One);
        Answer missing = await s_server.SendAsync("GET", WidgetServer.Widgets("g11") + "/gone", accept: One);

        Assert.AreEqual("meta.k8s.io/v1", (string?)found.Json["apiVersion"]);
        Assert.AreEqual((string?)owner["metadata"]!["uid"], (string?)found.Json["metadata"]!["uid"]);
        Assert.AreEqual(404, missing.Code);
        Assert.AreEqual("NotFound", (string?)missing.Json["reason"]);
    }

    [TestMethod]
    public async Task G12_X1_GarbageCollector_DeletesADependentWithPreconditions()
    {
        JsonObject dependent = await CreateAsync("g12", "dependent", []);
        string uid = (string)dependent["metadata"]!["uid"]!, version = (string)dependent["metadata"]!["resourceVersion"]!;

        Answer replaced = await DeleteAsync("g12", "dependent", $$"""{"kind":"DeleteOptions","apiVersion":"v1","preconditions":{"uid":"other"},"propagationPolicy":"Background"}""");
        Answer changed = await DeleteAsync("g12", "dependent", $$"""{"kind":"DeleteOptions","apiVersion":"v1","preconditions":{"uid":"{{uid}}","resourceVersion":"1"},"propagationPolicy":"Background"}""");
        Answer deleted = await DeleteAsync("g12", "dependent", $$"""{"kind":"DeleteOptions","apiVersion":"v1","preconditions":{"uid":"{{uid}}","resourceVersion":"{{version}}"},"propagationPolicy":"Background"}""");

        Assert.AreEqual(409, replaced.Code);
        Assert.AreEqual(409, changed.Code);
        StringAssert.Contains(changed.Message, $"the ResourceVersion in the precondition (1) does not match the ResourceVersion in record ({version}). The object might have been modified");
        Assert.AreEqual(200, deleted.Code, deleted.Text);
        Assert.AreEqual(404, (await DeleteAsync("g12", "dependent", "{}")).Code);
    }

    [TestMethod]
    [DataRow("Foreground", "foregroundDeletion")]
    [DataRow("Orphan", "orphan")]
    public async Task G13_G15_GarbageCollector_TakesItsFinalizerOffWhenItHasDoneItsPart(string policy, string finalizer)
    {
        string name = policy.ToLowerInvariant();
        await CreateAsync("g13", name, []);

        Answer marked = await DeleteAsync("g13", name, $$"""{"kind":"DeleteOptions","apiVersion":"v1","propagationPolicy":"{{policy}}"}""");
        Answer outdated = await PatchAsync("g13", name, """{"metadata":{"finalizers":[],"resourceVersion":"1"}}""");
        Answer removed = await PatchAsync("g13", name, $$$"""{"metadata":{"finalizers":[],"resourceVersion":"{{{marked.Json["metadata"]!["resourceVersion"]}}}"}}""");

        Assert.AreEqual(200, marked.Code, marked.Text);
        Assert.AreEqual(finalizer, (string?)marked.Json["metadata"]!["finalizers"]![0]);
        Assert.IsNotNull(marked.Json["metadata"]!["deletionTimestamp"], "kept until the collector has dealt with the dependents");
        Assert.AreEqual(409, outdated.Code);
        Assert.AreEqual(200, removed.Code, removed.Text);
        Assert.AreEqual(404, (await s_server.SendAsync("GET", WidgetServer.Widgets("g13") + "/" + name)).Code);
    }

    [TestMethod]
    public async Task G14_GarbageCollector_TakesAnOwnerOff_ByMergePatchAfterA415()
    {
        JsonObject owner = await CreateAsync("g14", "owner", []);
        string uid = (string)owner["metadata"]!["uid"]!;
        JsonObject dependent = await CreateAsync("g14", "dependent", new JsonArray(new JsonObject
        {
            ["apiVersion"] = "example.com/v1",
            ["kind"] = "Widget",
            ["name"] = "owner",
            ["uid"] = uid,
            ["blockOwnerDeletion"] = true,
            ["controller"] = true,
        }));
        string path = WidgetServer.Widgets("g14") + "/dependent";

        Answer strategic = await s_server.SendAsync(
            "PATCH", path, $$$"""{"metadata":{"ownerReferences":[{"$patch":"delete","uid":"{{{uid}}}"}],"uid":"{{{dependent["metadata"]!["uid"]}}}"}}""",
            "application/strategic-merge-patch+json", One);
        Answer merged = await s_server.SendAsync(
            "PATCH", path, $$$"""{"metadata":{"ownerReferences":[],"resourceVersion":"{{{dependent["metadata"]!["resourceVersion"]}}}","uid":"{{{dependent["metadata"]!["uid"]}}}"}}""",
            "application/merge-patch+json", One);

        Assert.IsTrue((bool)dependent["metadata"]!["ownerReferences"]![0]!["blockOwnerDeletion"]!);
        Assert.AreEqual(415, strategic.Code, "any other refusal would not make the collector try the other patch");
        Assert.AreEqual(200, merged.Code, merged.Text);
        Assert.AreEqual("PartialObjectMetadata", (string?)merged.Json["kind"]);
        Assert.IsNull(merged.Json["metadata"]!["ownerReferences"]?.AsArray().FirstOrDefault());
    }

    [TestMethod]
    public async Task G16_OwnersThatMakeNoSense_AreTheCollectorsToReport()
    {
        JsonObject stored = await CreateAsync("g16", "odd", new JsonArray(new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "ConfigMap",
            ["name"] = "elsewhere",
            ["uid"] = "0",
        }));

        Assert.AreEqual("elsewhere", (string?)stored["metadata"]!["ownerReferences"]![0]!["name"]);
    }

    [TestMethod]
    public async Task G7_G8_G9_X10_NamespaceController_EmptiesANamespace_AndSeesItEmptyAtOnce()
    {
        for (int i = 0; i < 30; i++)
        {
            await CreateAsync("g7", $"w{i}", []);
        }

        JsonObject held = WidgetServer.New("held");
        held["metadata"]!["finalizers"] = new JsonArray("example.com/hold");
        await s_server.CreateAsync(held, "g7");
        const string Options = """{"kind":"DeleteOptions","apiVersion":"v1","propagationPolicy":"Background"}""";

        Answer deleted = await s_server.SendAsync("DELETE", WidgetServer.Widgets("g7"), Options, accept: One);
        Answer rest = await s_server.SendAsync("GET", WidgetServer.Widgets("g7"), accept: Many);
        Answer released = await PatchAsync("g7", "held", """{"metadata":{"finalizers":null}}""");
        Answer empty = await s_server.SendAsync("GET", WidgetServer.Widgets("g7"), accept: Many);

        Assert.AreEqual(200, deleted.Code, deleted.Text);
        Assert.HasCount(1, rest.Json["items"]!.AsArray(), "synchronous: what remains waits for a finalizer");
        Assert.AreEqual("example.com/hold", (string?)rest.Json["items"]![0]!["metadata"]!["finalizers"]![0]);
        Assert.AreEqual(200, released.Code);
        Assert.IsEmpty(empty.Json["items"]!.AsArray());
        Assert.AreEqual("PartialObjectMetadataList", (string?)empty.Json["kind"]);
    }

    [TestMethod]
    public async Task G7_K11_NamespaceControllerWithoutDeleteCollection_ListsAndDeletesEach()
    {
        await CreateAsync("g7b", "a", []);
        await CreateAsync("g7b", "b", []);

        JsonArray items = (await s_server.SendAsync("GET", WidgetServer.Widgets("g7b"), accept: Many)).Json["items"]!.AsArray();
        foreach (JsonNode? item in items)
        {
            Assert.AreEqual(200, (await DeleteAsync("g7b", (string)item!["metadata"]!["name"]!, """{"kind":"DeleteOptions","apiVersion":"v1","propagationPolicy":"Background"}""")).Code);
        }

        Assert.IsEmpty((await s_server.SendAsync("GET", WidgetServer.Widgets("g7b"))).Json["items"]!.AsArray());
    }

    [TestMethod]
    public async Task G18_K20_K24_Listing_InPages_ShowsEachObjectOnce()
    {
        for (int i = 0; i < 7; i++)
        {
            await CreateAsync("g18", $"w{i}", []);
        }

        List<string> names = [];
        string next = "";
        do
        {
            JsonObject page = (await s_server.SendAsync("GET", WidgetServer.Widgets("g18") + "?limit=3&continue=" + Uri.EscapeDataString(next), accept: Many)).Json;
            names.AddRange(page["items"]!.AsArray().Select(item => (string)item!["metadata"]!["name"]!));
            next = (string?)page["metadata"]!["continue"] ?? "";
        }
        while (next.Length > 0);

        CollectionAssert.AreEqual(Enumerable.Range(0, 7).Select(i => $"w{i}").ToArray(), names);
    }

    private static async Task<JsonNode> NextAsync(StreamReader lines) => JsonNode.Parse((await lines.ReadLineAsync())!)!;

    private static Task<JsonObject> CreateAsync(string ns, string name, JsonArray owners)
    {
        JsonObject widget = WidgetServer.New(name);
        if (owners.Count > 0)
        {
            widget["metadata"]!["ownerReferences"] = owners;
        }

        return s_server.CreateAsync(widget, ns);
    }

    // As the metadata client sends it: options in the body, JSON.
    private static Task<Answer> DeleteAsync(string ns, string name, string options) =>
        s_server.SendAsync("DELETE", WidgetServer.Widgets(ns) + "/" + name, options, "application/json", One);

    private static Task<Answer> PatchAsync(string ns, string name, string patch) =>
        s_server.SendAsync("PATCH", WidgetServer.Widgets(ns) + "/" + name, patch, "application/merge-patch+json");
}
