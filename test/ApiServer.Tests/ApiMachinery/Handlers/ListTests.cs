using System.IO.Compression;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Handlers;
using AiModels.ApiMachinery.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace AiModels.ApiServer.Tests.ApiMachinery.Handlers;

/// <summary>Get and list over real sockets (contract 4.4, 4.5, section 5).</summary>
[TestClass]
public sealed class ListTests
{
    private static WidgetServer s_server = null!;

    [ClassInitialize]
    public static async Task StartAsync(TestContext context) =>
        s_server = await WidgetServer.StartAsync(options: options => options.FutureRevisionWait = TimeSpan.FromMilliseconds(100));

    [ClassCleanup]
    public static async Task StopAsync() => await s_server.DisposeAsync();

    [TestMethod]
    public async Task GT1_Get_ReturnsTheStoredObject_OrNotFound()
    {
        JsonObject stored = await s_server.CreateAsync(WidgetServer.New("gt1"));

        Answer found = await s_server.SendAsync("GET", WidgetServer.Widgets() + "/gt1");
        Answer missing = await s_server.SendAsync("GET", WidgetServer.Widgets() + "/nobody");

        Assert.IsTrue(JsonNode.DeepEquals(stored, found.Json));
        Assert.IsTrue(found.Text.EndsWith("}\n", StringComparison.Ordinal), "a newline after JSON (E12)");
        Assert.AreEqual(404, missing.Code);
        Assert.AreEqual("""{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"widgets.example.com \"nobody\" not found","reason":"NotFound","details":{"name":"nobody","group":"example.com","kind":"widgets"},"code":404}""",
            missing.Text.Trim());
    }

    [TestMethod]
    public async Task GT2_Get_AsHeadOrExport_IsRefused()
    {
        await s_server.CreateAsync(WidgetServer.New("gt2"));

        Assert.AreEqual(405, (await s_server.SendAsync("HEAD", WidgetServer.Widgets() + "/gt2")).Code);
        Assert.AreEqual("the export parameter, deprecated since v1.14, is no longer supported",
            (await s_server.SendAsync("GET", WidgetServer.Widgets() + "/gt2?export=true")).Message);
    }

    [TestMethod]
    public async Task L1_L14_List_OfAnEmptyOrUnknownNamespace_HasEmptyItems()
    {
        Answer answer = await s_server.SendAsync("GET", WidgetServer.Widgets("nowhere"));

        Assert.AreEqual(200, answer.Code);
        Assert.AreEqual("WidgetList", (string?)answer.Json["kind"]);
        Assert.AreEqual("example.com/v1", (string?)answer.Json["apiVersion"]);
        Assert.AreEqual(0, answer.Json["items"]!.AsArray().Count);
        Assert.AreEqual("", (string?)answer.Json["metadata"]!["continue"]);
    }

    [TestMethod]
    public async Task L6_List_LongerThanAStep_IsOfOneRevision_AlthoughItIsWrittenMeanwhile()
    {
        const int count = 1200;
        const string ns = "long";
        await Parallel.ForEachAsync(Enumerable.Range(0, count), async (i, _) => await s_server.CreateAsync(WidgetServer.New($"w{i:0000}", "red"), ns));
        using var request = new HttpRequestMessage(HttpMethod.Get, WidgetServer.Widgets(ns));
        using HttpResponseMessage response = await s_server.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);

        Answer changed = await s_server.SendAsync("PATCH", WidgetServer.Widgets(ns) + "/w1199", """{"spec":{"color":"blue"}}""", "application/merge-patch+json");
        await s_server.SendAsync("DELETE", WidgetServer.Widgets(ns) + "/w1198");
        JsonObject list = JsonNode.Parse(await response.Content.ReadAsStringAsync())!.AsObject();

        long revision = long.Parse((string)list["metadata"]!["resourceVersion"]!);
        string[] names = [.. list["items"]!.AsArray().Select(item => (string)item!["metadata"]!["name"]!)];
        Assert.IsLessThan(long.Parse((string)changed.Json["metadata"]!["resourceVersion"]!), revision);
        CollectionAssert.AreEqual(Enumerable.Range(0, count).Select(i => $"w{i:0000}").ToArray(), names);
        Assert.IsTrue(list["items"]!.AsArray().All(item => (string?)item!["spec"]!["color"] == "red"), "all are as they were at the list's revision");
    }

    [TestMethod]
    public async Task L2_L6_L7_List_WithLimit_ReturnsPagesOfOneRevisionInKeyOrder()
    {
        foreach (string name in new[] { "c", "a", "e", "b", "d" })
        {
            await s_server.CreateAsync(WidgetServer.New(name), "paged");
        }

        List<string> names = [], versions = [];
        List<long?> remaining = [];
        string next = "";
        do
        {
            Answer page = await s_server.SendAsync("GET", WidgetServer.Widgets("paged") + "?limit=2" + (next.Length > 0 ? "&continue=" + next : ""));
            Assert.AreEqual(200, page.Code, page.Text);
            names.AddRange(page.Json["items"]!.AsArray().Select(item => (string)item!["metadata"]!["name"]!));
            versions.Add((string)page.Json["metadata"]!["resourceVersion"]!);
            remaining.Add((long?)page.Json["metadata"]!["remainingItemCount"]);
            next = (string?)page.Json["metadata"]!["continue"] ?? "";
            await s_server.CreateAsync(WidgetServer.New("z" + names.Count), "paged"); // Later pages are of the first page's revision.
        }
        while (next.Length > 0);

        CollectionAssert.AreEqual(new[] { "a", "b", "c", "d", "e" }, names);
        Assert.AreEqual(1, versions.Distinct().Count());
        CollectionAssert.AreEqual(new long?[] { 3, 1, null }, remaining);
    }

    [TestMethod]
    public async Task L6_List_WithLimitAndSelector_FillsPagesAndCountsNothing()
    {
        for (int i = 0; i < 6; i++)
        {
            await s_server.CreateAsync(WidgetServer.New($"s{i}", i % 2 == 0 ? "blue" : "green"), "selected");
        }

        Answer first = await s_server.SendAsync("GET", WidgetServer.Widgets("selected") + "?limit=2&fieldSelector=spec.color=blue");
        Answer second = await s_server.SendAsync("GET", WidgetServer.Widgets("selected") + "?limit=2&fieldSelector=spec.color=blue&continue="
            + first.Json["metadata"]!["continue"]);

        Assert.AreEqual(2, first.Json["items"]!.AsArray().Count);
        Assert.IsNull(first.Json["metadata"]!["remainingItemCount"]);
        Assert.AreEqual("s4", (string?)second.Json["items"]![0]!["metadata"]!["name"]);
        Assert.AreEqual("", (string?)second.Json["metadata"]!["continue"] ?? "");
    }

    [TestMethod]
    public async Task L3_List_AtARevision_ShowsThatStateOrANewerOne()
    {
        JsonObject first = await s_server.CreateAsync(WidgetServer.New("one"), "exact");
        await s_server.CreateAsync(WidgetServer.New("two"), "exact");
        string version = (string)first["metadata"]!["resourceVersion"]!;

        Answer exact = await s_server.SendAsync("GET", WidgetServer.Widgets("exact") + $"?resourceVersion={version}&resourceVersionMatch=Exact");
        Answer notOlder = await s_server.SendAsync("GET", WidgetServer.Widgets("exact") + $"?resourceVersion={version}&resourceVersionMatch=NotOlderThan");
        Answer any = await s_server.SendAsync("GET", WidgetServer.Widgets("exact") + "?resourceVersion=0&limit=1");

        Assert.AreEqual(1, exact.Json["items"]!.AsArray().Count);
        Assert.AreEqual(version, (string?)exact.Json["metadata"]!["resourceVersion"]);
        Assert.AreEqual(2, notOlder.Json["items"]!.AsArray().Count);
        Assert.AreEqual(2, any.Json["items"]!.AsArray().Count, "0 ignores the limit");
    }

    [TestMethod]
    [DataRow("resourceVersionMatch=Exact", "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided")]
    [DataRow("resourceVersionMatch=x&resourceVersion=1", "resourceVersionMatch: Unsupported value: \"x\": supported values: \"Exact\", \"NotOlderThan\", \"\"")]
    [DataRow("resourceVersionMatch=Exact&resourceVersion=0", "resourceVersionMatch: Forbidden: resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"")]
    [DataRow("sendInitialEvents=true", "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list")]
    [DataRow("watch=1&sendInitialEvents=true", "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")]
    [DataRow("watch=1&resourceVersionMatch=NotOlderThan&resourceVersion=1", "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided")]
    public async Task L4_W14_List_WithContradictingOptions_IsInvalid(string query, string message)
    {
        Answer answer = await s_server.SendAsync("GET", WidgetServer.Widgets() + "?" + query);

        Assert.AreEqual(422, answer.Code, answer.Text);
        Assert.AreEqual("ListOptions.meta.k8s.io \"\" is invalid: " + message, answer.Message);
    }

    [TestMethod]
    public async Task L5_L7_List_WithUnreadableRevisionOrToken_Is400()
    {
        Answer revision = await s_server.SendAsync("GET", WidgetServer.Widgets() + "?resourceVersion=abc");
        Answer token = await s_server.SendAsync("GET", WidgetServer.Widgets() + "?continue=abc");
        Answer both = await s_server.SendAsync("GET", WidgetServer.Widgets() + $"?continue={new ContinueToken(5, "a").Encode()}&resourceVersion=5");

        Assert.AreEqual("invalid resource version: resourceVersion: Invalid value: \"abc\": strconv.ParseUint: parsing \"abc\": invalid syntax", revision.Message);
        Assert.AreEqual(400, token.Code);
        StringAssert.StartsWith(token.Message, "invalid continue token: continue key is not valid: ");
        Assert.AreEqual("specifying resource version is not allowed when using continue", both.Message);
    }

    [TestMethod]
    public async Task L8_L10_List_OfCompactedHistory_Is410_AndTheTokenGoesOnInconsistently()
    {
        for (int i = 0; i < 3; i++)
        {
            await s_server.CreateAsync(WidgetServer.New($"l8-{i}"), "compacted");
        }

        Answer first = await s_server.SendAsync("GET", WidgetServer.Widgets("compacted") + "?limit=1");
        await s_server.CreateAsync(WidgetServer.New("l8-9"), "compacted");
        IObjectStore store = s_server.Services.GetRequiredService<IObjectStore>();
        await store.CompactAsync(await store.GetRevisionAsync(default), default);

        Answer expired = await s_server.SendAsync("GET", WidgetServer.Widgets("compacted") + "?limit=1&continue=" + first.Json["metadata"]!["continue"]);
        Answer rest = await s_server.SendAsync("GET", WidgetServer.Widgets("compacted") + "?continue=" + expired.Json["metadata"]!["continue"]);
        Answer exact = await s_server.SendAsync("GET",
            WidgetServer.Widgets("compacted") + $"?resourceVersionMatch=Exact&resourceVersion={first.Json["metadata"]!["resourceVersion"]}");

        Assert.AreEqual(410, expired.Code, expired.Text);
        Assert.AreEqual("Expired", (string?)expired.Json["reason"]);
        StringAssert.StartsWith(expired.Message, "The provided continue parameter is too old to display a consistent list result.");
        Assert.AreEqual(3, rest.Json["items"]!.AsArray().Count, rest.Text);
        Assert.AreEqual("The resourceVersion for the provided list is too old.", exact.Message);
    }

    [TestMethod]
    public async Task L9_List_OfAFutureRevision_Is504_WithItsCause()
    {
        Answer answer = await s_server.SendAsync("GET", WidgetServer.Widgets() + "?resourceVersion=999999999");

        Assert.AreEqual(504, answer.Code);
        StringAssert.StartsWith(answer.Message, "Timeout: Too large resource version: 999999999, current: ");
        Assert.AreEqual("ResourceVersionTooLarge", (string?)answer.Json["details"]!["causes"]![0]!["reason"]);
        Assert.AreEqual("1", answer.Header("Retry-After"));
    }

    [TestMethod]
    public async Task L11_L12_List_WithSelectors_ReturnsWhatMatchesBoth_AndRefusesUnknownFields()
    {
        JsonObject both = WidgetServer.New("both", "blue"), one = WidgetServer.New("one", "blue");
        both["metadata"]!["labels"] = new JsonObject { ["a"] = "b" };
        await s_server.CreateAsync(both, "selectors");
        await s_server.CreateAsync(one, "selectors");

        Answer matched = await s_server.SendAsync("GET", WidgetServer.Widgets("selectors") + "?labelSelector=a%20in%20(b,c)&fieldSelector=spec.color=blue");
        Answer named = await s_server.SendAsync("GET", WidgetServer.Widgets("selectors") + "?fieldSelector=metadata.name=one");
        Answer unknown = await s_server.SendAsync("GET", WidgetServer.Widgets("selectors") + "?fieldSelector=spec.size=1");

        Assert.AreEqual("both", (string?)matched.Json["items"]!.AsArray().Single()!["metadata"]!["name"]);
        Assert.AreEqual("one", (string?)named.Json["items"]!.AsArray().Single()!["metadata"]!["name"]);
        Assert.AreEqual(400, unknown.Code);
        Assert.AreEqual("field label not supported: spec.size", unknown.Message);
    }

    [TestMethod]
    public async Task L13_List_AcrossNamespaces_SeesThemAll()
    {
        await s_server.CreateAsync(WidgetServer.New("all1", "gold"), "all-a");
        await s_server.CreateAsync(WidgetServer.New("all2", "gold"), "all-b");

        Answer answer = await s_server.SendAsync("GET", "/apis/example.com/v1/widgets?fieldSelector=spec.color=gold");

        Assert.AreEqual(2, answer.Json["items"]!.AsArray().Count);
    }

    [TestMethod]
    public async Task N7_N8_N9_List_AsTable_HasNameFirstAndMetadataInRows()
    {
        await s_server.CreateAsync(WidgetServer.New("t", "blue"), "tables");
        const string Accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

        JsonObject table = (await s_server.SendAsync("GET", WidgetServer.Widgets("tables"), accept: Accept)).Json;
        JsonObject one = (await s_server.SendAsync("GET", WidgetServer.Widgets("tables") + "/t?includeObject=None", accept: Accept)).Json;
        Answer bad = await s_server.SendAsync("GET", WidgetServer.Widgets("tables") + "?includeObject=x", accept: Accept);

        Assert.AreEqual("Table", (string?)table["kind"]);
        Assert.AreEqual("meta.k8s.io/v1", (string?)table["apiVersion"]);
        Assert.AreEqual("name", (string?)table["columnDefinitions"]![0]!["format"]);
        CollectionAssert.AreEqual(new[] { "Name", "Color", "Age" },
            table["columnDefinitions"]!.AsArray().Select(column => (string)column!["name"]!).ToArray());
        JsonNode row = table["rows"]![0]!;
        Assert.AreEqual("t", (string?)row["cells"]![0]);
        Assert.AreEqual("blue", (string?)row["cells"]![1]);
        StringAssert.Matches((string)row["cells"]![2]!, new("^[0-9]+s$"));
        Assert.AreEqual("PartialObjectMetadata", (string?)row["object"]!["kind"]);
        Assert.IsNull(row["object"]!["spec"]);
        Assert.IsNull(one["rows"]![0]!["object"]);
        Assert.AreEqual("Unable to convert to Table as requested: includeObject: Invalid value: \"x\": must be 'Metadata', 'Object', 'None', or empty", bad.Message);
    }

    [TestMethod]
    public async Task List_AsTableOfAKindWithoutNameColumn_HasItsOwnColumnsOnly()
    {
        await using WidgetServer server = await WidgetServer.StartAsync(widget: WidgetServer.Widget with { HasNameColumn = false });
        await server.CreateAsync(WidgetServer.New("t", "blue"), "tables");

        JsonObject table = (await server.SendAsync("GET", WidgetServer.Widgets("tables"), accept: "application/json;as=Table;v=v1;g=meta.k8s.io")).Json;

        CollectionAssert.AreEqual(new[] { "Color", "Age" }, table["columnDefinitions"]!.AsArray().Select(column => (string)column!["name"]!).ToArray());
        Assert.HasCount(2, table["rows"]![0]!["cells"]!.AsArray());
        Assert.AreEqual("blue", (string?)table["rows"]![0]!["cells"]![0]);
    }

    [TestMethod]
    public async Task N11_N12_List_AsPartialObjectMetadata_NeedsTheListForm()
    {
        await s_server.CreateAsync(WidgetServer.New("p"), "partial");
        const string List = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
        const string Single = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

        Answer list = await s_server.SendAsync("GET", WidgetServer.Widgets("partial"), accept: List);
        Answer single = await s_server.SendAsync("GET", WidgetServer.Widgets("partial") + "/p", accept: Single);
        Answer wrong = await s_server.SendAsync("GET", WidgetServer.Widgets("partial"), accept: Single);

        Assert.AreEqual("PartialObjectMetadataList", (string?)list.Json["kind"]);
        Assert.IsNull(list.Json["items"]![0]!["spec"]);
        Assert.AreEqual("application/json", list.Header("Content-Type"));
        Assert.AreEqual("PartialObjectMetadata", (string?)single.Json["kind"]);
        Assert.AreEqual("p", (string?)single.Json["metadata"]!["name"]);
        Assert.AreEqual(406, wrong.Code);
        Assert.AreEqual("you requested PartialObjectMetadata, but the requested object is a list (*v1.WidgetList)", wrong.Message);
    }

    [TestMethod]
    public async Task N1_N4_N14_Get_InSeveralFormats_FollowsAccept()
    {
        await s_server.CreateAsync(WidgetServer.New("n1", "yes"));
        string path = WidgetServer.Widgets() + "/n1";

        Answer yaml = await s_server.SendAsync("GET", path, accept: "application/yaml");
        Answer weighted = await s_server.SendAsync("GET", path, accept: "application/yaml;q=0.1, application/json;q=0.9");
        Answer pretty = await s_server.SendAsync("GET", path + "?pretty=true");
        Answer none = await s_server.SendAsync("GET", path, accept: "application/cbor");
        Answer yamlError = await s_server.SendAsync("GET", path + "x", accept: "application/yaml");

        StringAssert.Contains(yaml.Text, "spec:\n  color: \"yes\"\n");
        Assert.AreEqual("application/yaml", yaml.Header("Content-Type"));
        Assert.AreEqual("application/json", weighted.Header("Content-Type"));
        StringAssert.StartsWith(pretty.Text, "{\n  \"apiVersion\"");
        Assert.AreEqual(406, none.Code);
        Assert.AreEqual("only the following media types are accepted: application/json, application/yaml", none.Message);
        StringAssert.Contains(yamlError.Text, "reason: NotFound");
    }

    [TestMethod]
    public async Task N13_List_OfMuchText_IsCompressedWhenAskedFor()
    {
        for (int i = 0; i < 3; i++)
        {
            JsonObject widget = WidgetServer.New($"g{i}");
            widget["spec"]!["text"] = new string('x', 60_000);
            await s_server.CreateAsync(widget, "gzip");
        }

        Answer packed = await s_server.SendAsync("GET", WidgetServer.Widgets("gzip"), headers: ("Accept-Encoding", "gzip"));
        Answer small = await s_server.SendAsync("GET", WidgetServer.Widgets("nowhere"), headers: ("Accept-Encoding", "gzip"));

        Assert.AreEqual("gzip", packed.Header("Content-Encoding"));
        Assert.AreEqual("Accept-Encoding", packed.Header("Vary"));
        using var text = new StreamReader(new GZipStream(new MemoryStream(packed.Body), CompressionMode.Decompress));
        Assert.AreEqual(3, JsonNode.Parse(await text.ReadToEndAsync())!["items"]!.AsArray().Count);
        Assert.AreEqual("", small.Header("Content-Encoding"));
    }
}
