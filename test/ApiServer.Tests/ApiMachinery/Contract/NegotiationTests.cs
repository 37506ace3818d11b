using System.Text.Json.Nodes;

namespace AiModels.ApiServer.Tests.ApiMachinery.Contract;

/// <summary>In which form a document comes and may be sent (contract section 5).</summary>
[TestClass]
public sealed class NegotiationTests
{
    private const string Table = "application/json;as=Table;v=v1;g=meta.k8s.io", Merge = "application/merge-patch+json";
    private static readonly string s_widgets = WidgetServer.Widgets();
    private static WidgetServer s_server = null!;

    [ClassInitialize]
    public static async Task StartAsync(TestContext context)
    {
        s_server = await WidgetServer.StartAsync();
        await s_server.CreateAsync(WidgetServer.New("w", "blue"));
    }

    [ClassCleanup]
    public static async Task StopAsync() => await s_server.DisposeAsync();

    [TestMethod]
    [DataRow("*/*", "application/json")]
    [DataRow("application/*", "application/json")]
    [DataRow("", "application/json")]
    [DataRow("image/png, */*;q=0.1", "application/json")]
    [DataRow("application/json;q=0.1, application/yaml", "application/yaml")]
    [DataRow("application/yaml, application/json", "application/yaml")]
    [DataRow("application/cbor, application/yaml", "application/yaml")]
    [DataRow("application/json;as=Table;v=v1;g=meta.k8s.io;profile=new", "application/json")]
    public async Task N1_N6_N15_Accept_ChoosesTheFirstThatCanBeServed(string accept, string type)
    {
        Answer answer = await s_server.SendAsync("GET", s_widgets + "/w", accept: accept);

        Assert.AreEqual((200, type), (answer.Code, answer.Header("Content-Type")));
    }

    [TestMethod]
    [DataRow("application/cbor")]
    [DataRow("application/vnd.kubernetes.protobuf")]
    [DataRow("application/json;as=Nothing;v=v1;g=meta.k8s.io")]
    [DataRow("application/json;as=Table;v=v9;g=meta.k8s.io")]
    [DataRow("application/json;as=Table;g=meta.k8s.io")]
    [DataRow("application/json;as=Table;v=v1")]
    public async Task N4_N6_N15_Accept_OfNothingThatIsServed_Is406(string accept)
    {
        Answer answer = await s_server.SendAsync("GET", s_widgets + "/w", accept: accept);

        Assert.AreEqual((406, "NotAcceptable", "only the following media types are accepted: application/json, application/yaml"), (answer.Code, (string?)answer.Json["reason"], answer.Message));
    }

    [TestMethod]
    public async Task N5_Yaml_IsTakenWhereverABodyIs_AndNothingElse()
    {
        JsonObject stored = await s_server.CreateAsync(WidgetServer.New("n5"));
        string yaml = (await s_server.SendAsync("GET", s_widgets + "/n5", accept: "application/yaml")).Text.Replace("color: red", "color: green", StringComparison.Ordinal);

        Answer put = await s_server.SendAsync("PUT", s_widgets + "/n5", yaml, "application/yaml");
        Answer other = await s_server.SendAsync("PUT", s_widgets + "/n5", yaml, "text/plain");
        Answer withParameters = await s_server.SendAsync("PUT", s_widgets + "/n5?dryRun=All", put.Text, "application/json; charset=utf-8");
        Answer deleted = await s_server.SendAsync("DELETE", s_widgets + "/n5", "propagationPolicy: Foreground\n", "application/yaml");

        Assert.AreEqual((200, "green"), (put.Code, (string?)put.Json["spec"]!["color"]), put.Text);
        Assert.AreEqual((string?)stored["metadata"]!["uid"], (string?)put.Json["metadata"]!["uid"]);
        Assert.AreEqual(
            (415, "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml"), (other.Code, other.Message));
        Assert.AreEqual(200, withParameters.Code);
        Assert.AreEqual("foregroundDeletion", (string?)deleted.Json["metadata"]!["finalizers"]![0]);
    }

    [TestMethod]
    [DataRow("POST", "?dryRun=All", """{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"n7"}}""", "application/json")]
    [DataRow("PATCH", "/w?dryRun=All", """{"spec":{"size":3}}""", Merge)]
    [DataRow("GET", "/w", null, null)]
    public async Task N7_N11_EveryAnswerWithAnObject_CanBeATableOrItsMetadata(string method, string rest, string? body, string? type)
    {
        Answer table = await s_server.SendAsync(method, s_widgets + rest, body, type, Table);
        Answer partial = await s_server.SendAsync(method, s_widgets + rest, body, type, "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io");

        Assert.AreEqual(("Table", "meta.k8s.io/v1"), ((string?)table.Json["kind"], (string?)table.Json["apiVersion"]), table.Text);
        Assert.AreEqual(1, table.Json["rows"]!.AsArray().Count);
        Assert.AreEqual(("PartialObjectMetadata", "meta.k8s.io/v1"), ((string?)partial.Json["kind"], (string?)partial.Json["apiVersion"]));
        CollectionAssert.AreEquivalent(new[] { "kind", "apiVersion", "metadata" }, partial.Json.Select(member => member.Key).ToArray());
    }

    [TestMethod]
    public async Task N8_N9_Table_HasTypedColumns_AndTheObjectThatIsAskedFor()
    {
        JsonObject whole = (await s_server.SendAsync("GET", s_widgets + "/w?includeObject=Object", accept: Table)).Json;
        JsonObject metadata = (await s_server.SendAsync("GET", s_widgets + "/w?includeObject=Metadata", accept: Table)).Json;
        JsonArray columns = whole["columnDefinitions"]!.AsArray();

        Assert.AreEqual("Widget blue", $"{whole["rows"]![0]!["object"]!["kind"]} {whole["rows"]![0]!["object"]!["spec"]!["color"]}");
        Assert.AreEqual("w", (string?)metadata["rows"]![0]!["object"]!["metadata"]!["name"]);
        Assert.AreEqual("string name, string , date ", string.Join(", ", columns.Select(column => $"{column!["type"]} {column["format"]}")));
        foreach (JsonNode? column in columns)
        {
            CollectionAssert.AreEquivalent(new[] { "name", "type", "format", "description", "priority" }, column!.AsObject().Select(member => member.Key).ToArray());
        }

        Assert.IsNotNull(whole["metadata"]!["resourceVersion"]);
    }

    [TestMethod]
    public async Task N7_Table_OfAPage_CarriesTheToken()
    {
        await s_server.CreateAsync(WidgetServer.New("a"), "n7");
        await s_server.CreateAsync(WidgetServer.New("b"), "n7");

        JsonObject table = (await s_server.SendAsync("GET", WidgetServer.Widgets("n7") + "?limit=1", accept: Table)).Json;

        Assert.AreNotEqual("", (string?)table["metadata"]!["continue"]);
        Assert.AreEqual(1, (int)table["metadata"]!["remainingItemCount"]!);
        Assert.AreEqual("a", (string?)table["rows"]!.AsArray().Single()!["cells"]![0]);
    }

    [TestMethod]
    [DataRow("curl/8.0", "", true)]
    [DataRow("Wget/1.21", "", true)]
    [DataRow("Mozilla/5.0 (X11)", "", true)]
    [DataRow("kubectl/v1.36", "", false)]
    [DataRow("curl/8.0", "?pretty=false", false)]
    [DataRow("kubectl/v1.36", "?pretty=1", true)]
    [DataRow("kubectl/v1.36", "?pretty=true", true)]
    public async Task N14_Pretty_IsForPeople(string agent, string query, bool isPretty)
    {
        foreach (string name in new[] { "/w", "/none" })
        {
            Answer answer = await s_server.SendAsync("GET", s_widgets + name + query, headers: ("User-Agent", agent));
            Assert.AreEqual(isPretty, answer.Text.StartsWith("{\n  \"", StringComparison.Ordinal), answer.Text);
        }
    }
}
