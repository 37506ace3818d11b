using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Storage.Sqlite;
using AiModels.EtcdStore;

namespace AiModels.ApiServer.Tests.ApiMachinery.Contract;

/// <summary>Get, list and watch: what is easily half right (contract 4.4 to 4.6).</summary>
[TestClass]
public sealed class ReadRulesTests
{
    private static WidgetServer s_server = null!;

    public required TestContext TestContext { get; set; }

    [ClassInitialize]
    public static async Task StartAsync(TestContext context) => s_server = await WidgetServer.StartAsync(options: options =>
    {
        options.FutureRevisionWait = TimeSpan.FromMilliseconds(50);
        options.BookmarkInterval = TimeSpan.FromMilliseconds(50);
    });

    [ClassCleanup]
    public static async Task StopAsync() => await s_server.DisposeAsync();

    [TestMethod]
    public async Task GT1_Get_AtAVersion_IsNotOlderThanThat_OrATimeout()
    {
        JsonObject stored = await s_server.CreateAsync(WidgetServer.New("a"), "gt1");
        string path = WidgetServer.Widgets("gt1") + "/a?resourceVersion=";

        foreach (string version in new[] { "", "0", "1", (string)stored["metadata"]!["resourceVersion"]! })
        {
            Assert.AreEqual(stored.ToJsonString(), (await s_server.SendAsync("GET", path + version)).Json.ToJsonString(), version);
        }

        AssertTooLarge(await s_server.SendAsync("GET", path + "99999999"));
    }

    [TestMethod]
    public async Task L9_List_OfAFutureRevision_IsThisStatus() => AssertTooLarge(await s_server.SendAsync("GET", WidgetServer.Widgets() + "?resourceVersion=99999999"));

    [TestMethod]
    public async Task L1_Items_SayTheirKind_AndThereIsAlwaysAList()
    {
        await s_server.CreateAsync(WidgetServer.New("a"), "l1");
        JsonNode item = (await s_server.SendAsync("GET", WidgetServer.Widgets("l1"))).Json["items"]!.AsArray().Single()!;
        Answer none = await s_server.SendAsync("GET", WidgetServer.Widgets("l1") + "?labelSelector=none");

        Assert.AreEqual(("example.com/v1", "Widget"), ((string?)item["apiVersion"], (string?)item["kind"]));
        StringAssert.Contains(none.Text, "\"items\":[]");
        StringAssert.Matches((string)none.Json["metadata"]!["resourceVersion"]!, new("^[1-9][0-9]*$"));
    }

    [TestMethod]
    public async Task L2_Order_IsThatOfTheKeys_ByteForByte_AlsoInPages()
    {
        string[] keys = ["l2-ns/a", "l2/a", "l2/a-b", "l2/a.b", "l2/a0", "l2/aa", "l2/b", "l2a/a"];
        foreach (string key in keys.Reverse())
        {
            JsonObject widget = WidgetServer.New(key.Split('/')[1]);
            widget["metadata"]!["labels"] = new JsonObject { ["l2"] = "" };
            await s_server.CreateAsync(widget, key.Split('/')[0]);
        }

        Answer whole = await s_server.SendAsync("GET", "/apis/example.com/v1/widgets?labelSelector=l2");
        List<string> paged = [];
        string next = "";
        do
        {
            Answer page = await s_server.SendAsync("GET", "/apis/example.com/v1/widgets?labelSelector=l2&limit=3&continue=" + Uri.EscapeDataString(next));
            paged.AddRange(Keys(page));
            next = (string)page.Json["metadata"]!["continue"]!;
        }
        while (next.Length > 0);

        CollectionAssert.AreEqual(keys, Keys(whole).ToArray());
        CollectionAssert.AreEqual(keys, paged);

        static IEnumerable<string> Keys(Answer list) => list.Json["items"]!.AsArray().Select(item => $"{item!["metadata"]!["namespace"]}/{item["metadata"]!["name"]}");
    }

    [TestMethod]
    public async Task L3_L7_Version_IsExactWithALimit_AndAtLeastWithout()
    {
        JsonObject first = await s_server.CreateAsync(WidgetServer.New("a"), "l3");
        await s_server.CreateAsync(WidgetServer.New("b"), "l3");
        string path = WidgetServer.Widgets("l3") + "?", version = (string)first["metadata"]!["resourceVersion"]!;

        Answer legacy = await s_server.SendAsync("GET", path + $"limit=5&resourceVersion={version}");
        Answer least = await s_server.SendAsync("GET", path + $"resourceVersion={version}");
        Answer any = await s_server.SendAsync("GET", path + "resourceVersion=0&resourceVersionMatch=NotOlderThan");
        Answer page = await s_server.SendAsync("GET", path + "limit=1");
        Answer zero = await s_server.SendAsync("GET", path + "limit=1&resourceVersion=0&continue=" + Uri.EscapeDataString((string)page.Json["metadata"]!["continue"]!));

        Assert.HasCount(1, legacy.Json["items"]!.AsArray());
        Assert.AreEqual(version, (string?)legacy.Json["metadata"]!["resourceVersion"]);
        Assert.HasCount(2, least.Json["items"]!.AsArray());
        Assert.HasCount(2, any.Json["items"]!.AsArray());
        Assert.AreEqual((200, "b"), (zero.Code, (string?)zero.Json["items"]!.AsArray().Single()!["metadata"]!["name"]), "0 beside a token means nothing");
    }

    [TestMethod]
    [DataRow("?continue=abc&resourceVersionMatch=Exact&resourceVersion=5", "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided")]
    [DataRow("?continue=abc&resourceVersionMatch=Exact",
        "[resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided, resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided]")]
    [DataRow("?watch=1&sendInitialEvents=true&resourceVersionMatch=Exact&resourceVersion=1",
        "[resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan, resourceVersionMatch: Unsupported value: \"Exact\": supported values: \"NotOlderThan\"]")]
    [DataRow("?watch=1&resourceVersionMatch=NotOlderThan", "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided")]
    public async Task L4_W14_Options_ThatContradict_NameEachMistake(string query, string message)
    {
        Answer answer = await s_server.SendAsync("GET", WidgetServer.Widgets() + query);

        Assert.AreEqual((422, "ListOptions.meta.k8s.io \"\" is invalid: " + message), (answer.Code, answer.Message));
    }

    [TestMethod]
    [DataRow("a in x", "unable to parse requirement: found 'x' expected: '('")]
    [DataRow("a,", "found '', expected: identifier after ','")]
    [DataRow("-a=b", "unable to parse requirement: <nil>: Invalid value: \"-a\": name part must consist of")]
    public async Task L11_LabelSelector_ThatIsNone_Is400ForEveryVerb(string selector, string message)
    {
        string query = "?labelSelector=" + Uri.EscapeDataString(selector);
        foreach ((string method, string path) in new[] { ("GET", query), ("GET", query + "&watch=1"), ("DELETE", query) })
        {
            Answer answer = await s_server.SendAsync(method, WidgetServer.Widgets() + path);

            Assert.AreEqual((400, "BadRequest"), (answer.Code, (string?)answer.Json["reason"]), answer.Text);
            StringAssert.StartsWith(answer.Message, message);
        }
    }

    [TestMethod]
    public async Task L12_FieldSelector_KnowsNameAndNamespace_AndUnescapes()
    {
        await s_server.CreateAsync(WidgetServer.New("a", "b,c=d\\e"), "l12");
        await s_server.CreateAsync(WidgetServer.New("a"), "l12-other");
        const string All = "/apis/example.com/v1/widgets?fieldSelector=";

        Assert.HasCount(1, await ItemsAsync(All + "metadata.namespace=l12"));
        Assert.HasCount(1, await ItemsAsync(All + "metadata.namespace%3D%3Dl12-other,metadata.name!%3Db"));
        Assert.HasCount(1, await ItemsAsync(All + Uri.EscapeDataString("spec.color=b\\,c\\=d\\\\e")));
        Assert.AreEqual("field label not supported: metadata.namespace", (await s_server.SendAsync("GET", "/apis/example.com/v1/gadgets?fieldSelector=metadata.namespace%3Da")).Message);
    }

    [TestMethod]
    [Timeout(60_000)]
    public async Task L13_Selectors_OfBothKinds_HoldForListWatchAndDeleteCollection()
    {
        foreach ((string name, string color, string label) in new[] { ("both", "blue", "x"), ("color", "blue", "y"), ("label", "red", "x") })
        {
            JsonObject widget = WidgetServer.New(name, color);
            widget["metadata"]!["labels"] = new JsonObject { ["l"] = label };
            await s_server.CreateAsync(widget, "l13");
        }

        string path = WidgetServer.Widgets("l13"), query = "?labelSelector=l%3Dx&fieldSelector=spec.color%3Dblue";

        Assert.AreEqual("both", (string?)(await ItemsAsync(path + query)).Single()!["metadata"]!["name"]);
        Assert.AreEqual("ADDED both", string.Join(',', (await WatchAsync(path + query + "&watch=1&timeoutSeconds=1")).Select(Describe)));
        Assert.AreEqual("both", (string?)(await s_server.SendAsync("DELETE", path + query)).Json["items"]!.AsArray().Single()!["metadata"]!["name"]);
        Assert.AreEqual("color,label", string.Join(',', (await ItemsAsync(path)).Select(item => (string?)item!["metadata"]!["name"])));
    }

    [TestMethod]
    [Timeout(60_000)]
    public async Task W4_Watch_FromTheFuture_IsSilentUntilItsTimeout_ButAWatchListIsRefused()
    {
        await s_server.CreateAsync(WidgetServer.New("a"), "w4");
        string path = WidgetServer.Widgets("w4") + "?watch=1&timeoutSeconds=1&resourceVersion=99999999";

        JsonNode refusal = (await WatchAsync(path + "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan")).Single();

        Assert.IsEmpty(await WatchAsync(path));
        Assert.AreEqual("ERROR", (string?)refusal["type"]);
        Assert.AreEqual("ResourceVersionTooLarge", (string?)refusal["object"]!["details"]!["causes"]![0]!["reason"]);
    }

    [TestMethod]
    public void W6_H9_History_IsKeptForMinutes_AndWatchesLiveForHalfAnHour()
    {
        TimeSpan outage = TimeSpan.FromMinutes(5); // Informers come back every 5 to 10 minutes, and after this with what they had.
        Assert.IsGreaterThanOrEqualTo(outage, new SqliteStoreOptions { Path = "x" }.HistoryAge);
        Assert.IsGreaterThanOrEqualTo(outage, new EtcdStoreOptions { Servers = [] }.CompactionInterval);
        Assert.AreEqual(TimeSpan.FromMinutes(30), new ApiMachineryOptions().MinimumWatchTimeout);
    }

    [TestMethod]
    [Timeout(60_000)]
    public async Task W9_Bookmarks_HoldOnlyAVersion_AndComeOnlyWhenAskedFor()
    {
        JsonObject stored = await s_server.CreateAsync(WidgetServer.New("a"), "w9");
        string path = WidgetServer.Widgets("w9") + $"?watch=1&timeoutSeconds=1&resourceVersion={stored["metadata"]!["resourceVersion"]}";

        JsonNode bookmark = (await WatchAsync(path + "&allowWatchBookmarks=true"))[0];

        Assert.AreEqual("BOOKMARK", (string?)bookmark["type"]);
        CollectionAssert.AreEquivalent(new[] { "kind", "apiVersion", "metadata" }, bookmark["object"]!.AsObject().Select(member => member.Key).ToArray());
        Assert.AreEqual(("Widget", "example.com/v1"), ((string?)bookmark["object"]!["kind"], (string?)bookmark["object"]!["apiVersion"]));
        Assert.IsEmpty(bookmark["object"]!["metadata"]!.AsObject().Select(member => member.Key).Except(["resourceVersion", "creationTimestamp"]).ToArray());
        Assert.IsEmpty(await WatchAsync(path));
    }

    [TestMethod]
    [Timeout(60_000)]
    public async Task W11_WatchList_WithoutBookmarks_HasNoEndMark_AndFromAVersionShowsAtLeastThat()
    {
        JsonObject stored = await s_server.CreateAsync(WidgetServer.New("a"), "w11");
        string path = WidgetServer.Widgets("w11") + "?watch=1&timeoutSeconds=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";

        List<JsonNode> plain = await WatchAsync(path);
        List<JsonNode> from = await WatchAsync(path + $"&allowWatchBookmarks=true&resourceVersion={stored["metadata"]!["resourceVersion"]}");

        Assert.AreEqual("ADDED a", string.Join(',', plain.Select(Describe)));
        Assert.AreEqual("ADDED a,BOOKMARK ", string.Join(',', from.Take(2).Select(Describe)));
        Assert.AreEqual("true", (string?)from[1]["object"]!["metadata"]!["annotations"]!["k8s.io/initial-events-end"]);
    }

    [TestMethod]
    [Timeout(60_000)]
    public async Task W16_DeprecatedPath_OfOneName_TakesNoSelectorOfAnother()
    {
        await s_server.CreateAsync(WidgetServer.New("a"), "w16");
        const string Path = "/apis/example.com/v1/watch/namespaces/w16/widgets/a?timeoutSeconds=1";

        Answer other = await s_server.SendAsync("GET", Path + "&fieldSelector=metadata.name%3Db");

        Assert.AreEqual((400, "fieldSelector metadata.name doesn't match requested name"), (other.Code, other.Message));
        Assert.AreEqual("ADDED a", string.Join(',', (await WatchAsync(Path + "&fieldSelector=metadata.name%3Da")).Select(Describe)));
    }

    [TestMethod]
    public async Task W19_Watch_AsYaml_NamesWhatCanBeStreamed()
    {
        Answer answer = await s_server.SendAsync("GET", WidgetServer.Widgets() + "?watch=1", accept: "application/yaml");

        Assert.AreEqual(406, answer.Code);
        StringAssert.Contains(answer.Text, "only the following media types are accepted: application/json;stream=watch'\n", "as YAML, like any error to who takes that");
    }

    [TestMethod]
    [Timeout(60_000)]
    public async Task N13_Watch_IsNeverCompressed_AndAnswersToPostsAre()
    {
        JsonObject widget = WidgetServer.New("a");
        widget["spec"]!["text"] = new string('x', 200_000);
        Answer created = await s_server.SendAsync("POST", WidgetServer.Widgets("n13"), widget, headers: ("Accept-Encoding", "gzip"));

        Answer watch = await s_server.SendAsync("GET", WidgetServer.Widgets("n13") + "?watch=1&timeoutSeconds=1", headers: ("Accept-Encoding", "gzip"));
        Answer one = await s_server.SendAsync("GET", WidgetServer.Widgets("n13") + "/a", headers: ("Accept-Encoding", "gzip"));

        Assert.AreEqual(201, created.Code);
        Assert.AreEqual("", watch.Header("Content-Encoding"));
        StringAssert.StartsWith(watch.Text, "{\"type\":\"ADDED\"");
        Assert.AreEqual("gzip", one.Header("Content-Encoding"));
        Assert.AreEqual("gzip", created.Header("Content-Encoding"));
    }

    private static void AssertTooLarge(Answer answer)
    {
        Assert.AreEqual((504, "Timeout", "1"), (answer.Code, (string?)answer.Json["reason"], answer.Header("Retry-After")));
        StringAssert.Matches(answer.Message, new("^Timeout: Too large resource version: 99999999, current: [0-9]+$"));
        Assert.AreEqual(
            """{"causes":[{"reason":"ResourceVersionTooLarge","message":"Too large resource version"}],"retryAfterSeconds":1}""", answer.Json["details"]!.ToJsonString());
    }

    private static async Task<JsonArray> ItemsAsync(string path)
    {
        Answer answer = await s_server.SendAsync("GET", path);
        Assert.AreEqual(200, answer.Code, answer.Text);
        return answer.Json["items"]!.AsArray();
    }

    // A watch that ends by itself, read whole.
    private static async Task<List<JsonNode>> WatchAsync(string path)
    {
        Answer answer = await s_server.SendAsync("GET", path);
        Assert.AreEqual(200, answer.Code, answer.Text);
        return [.. answer.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!)];
    }

    private static string Describe(JsonNode change) => $"{change["type"]} {change["object"]!["metadata"]!["name"]}";
}
