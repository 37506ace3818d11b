using System.Text.Json.Nodes;

namespace AiModels.ApiServer.Tests.ApiMachinery.Contract;

/// <summary>Delete and delete-collection: their options, and what they leave (contract 4.9).</summary>
[TestClass]
public sealed class DeleteRulesTests
{
    private static readonly string s_widgets = WidgetServer.Widgets();
    private static WidgetServer s_server = null!;

    [ClassInitialize]
    public static async Task StartAsync(TestContext context) => s_server = await WidgetServer.StartAsync();

    [ClassCleanup]
    public static async Task StopAsync() => await s_server.DisposeAsync();

    [TestMethod]
    [DataRow("application/json", """{"kind":"DeleteOptions","apiVersion":"v1","preconditions":{"uid":"no"}}""", "")]
    [DataRow("application/json", """{"kind":"DeleteOptions","apiVersion":"example.com/v1","preconditions":{"uid":"no"}}""", "")]
    [DataRow("application/json", """{"apiVersion":"meta.k8s.io/v1","kind":"DeleteOptions","preconditions":{"uid":"no"}}""", "")]
    [DataRow("application/json", """{"preconditions":{"uid":"no"}}""", "")]
    [DataRow("application/yaml", "preconditions: {uid: no-one}", "")]
    [DataRow(null, """{"preconditions":{"uid":"no"}}""", "")]
    [DataRow("application/json", null, "?preconditions.uid=no")]
    public async Task X1_X4_Options_AreReadWhereverTheyAre(string? type, string? body, string query)
    {
        JsonObject stored = (await s_server.SendAsync("POST", s_widgets, new JsonObject
        {
            ["apiVersion"] = "example.com/v1",
            ["kind"] = "Widget",
            ["metadata"] = new JsonObject { ["generateName"] = "x1-" },
        })).Json;
        string path = s_widgets + "/" + stored["metadata"]!["name"];

        Answer refused = await s_server.SendAsync("DELETE", path + query, body, type);
        Answer deleted = await s_server.SendAsync("DELETE", path);

        if (query.Length == 0)
        {
            Assert.AreEqual(409, refused.Code, refused.Text);
            Assert.AreEqual(("Widget", "example.com"), ((string?)refused.Json["details"]!["kind"], (string?)refused.Json["details"]!["group"]));
        }

        Assert.AreEqual(query.Length == 0 ? 200 : 404, deleted.Code, "without options it goes, and preconditions are none in a query");
    }

    [TestMethod]
    [DataRow("?propagationPolicy=Orphan", "orphan")]
    [DataRow("?orphanDependents=true", "orphan")]
    [DataRow("?propagationPolicy=Foreground", "foregroundDeletion")]
    [DataRow("?propagationPolicy=Background", "")]
    [DataRow("", "")]
    public async Task X5_PropagationPolicy_SetsItsFinalizer_AndOnlyThat(string query, string finalizer)
    {
        foreach (string before in new[] { "", "orphan", "foregroundDeletion" })
        {
            JsonObject widget = new() { ["apiVersion"] = "example.com/v1", ["kind"] = "Widget", ["metadata"] = new JsonObject { ["generateName"] = "x5-" } };
            widget["metadata"]!["finalizers"] = before.Length == 0 ? new JsonArray("example.com/hold") : new JsonArray("example.com/hold", before);
            string path = s_widgets + "/" + (await s_server.CreateAsync(widget))["metadata"]!["name"];

            Answer answer = await s_server.SendAsync("DELETE", path + query);

            string expected = query.Length == 0 ? before : finalizer;
            CollectionAssert.AreEquivalent(
                expected.Length == 0 ? ["example.com/hold"] : new[] { "example.com/hold", expected },
                answer.Json["metadata"]!["finalizers"]!.AsArray().Select(item => (string)item!).ToArray(), $"{before} then {query}");
        }
    }

    [TestMethod]
    public async Task X5_Options_ThatContradict_AreWordedAsUpstream()
    {
        Answer both = await s_server.SendAsync("DELETE", s_widgets + "/none", """{"orphanDependents":true,"propagationPolicy":"Background"}""");
        Answer unknown = await s_server.SendAsync("DELETE", s_widgets + "/none?propagationPolicy=X");

        Assert.AreEqual("DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Invalid value: \"Background\": orphanDependents and deletionPropagation cannot be both set", both.Message);
        Assert.AreEqual("DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: \"X\": supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\"", unknown.Message);
    }

    [TestMethod]
    public async Task X10_DeleteCollection_DeletesAPage_ShowsWhatWasThere_AndMindsItsOptions()
    {
        string path = WidgetServer.Widgets("x10-page");
        foreach (string name in new[] { "a", "b", "c" })
        {
            JsonObject widget = WidgetServer.New(name);
            widget["metadata"]!["finalizers"] = name == "a" ? new JsonArray("example.com/hold") : [];
            await s_server.CreateAsync(widget, "x10-page");
        }

        Answer invalid = await s_server.SendAsync("DELETE", path + "?resourceVersionMatch=Exact");
        Answer wrong = await s_server.SendAsync("DELETE", path, """{"propagationPolicy":"X"}""");
        Answer page = await s_server.SendAsync("DELETE", path + "?limit=1", """{"propagationPolicy":"Orphan"}""");
        Answer left = await s_server.SendAsync("GET", path);
        Answer rest = await s_server.SendAsync("DELETE", path + "?limit=5&continue=" + Uri.EscapeDataString((string)page.Json["metadata"]!["continue"]!));
        Answer held = await s_server.SendAsync("GET", path);

        Assert.AreEqual((422, 422), (invalid.Code, wrong.Code));
        Assert.AreEqual("a", string.Join(',', Names(page)));
        Assert.IsNull(page.Json["items"]![0]!["metadata"]!["deletionTimestamp"], "as it was before");
        Assert.AreEqual("a,b,c", string.Join(',', Names(left)));
        CollectionAssert.Contains(left.Json["items"]![0]!["metadata"]!["finalizers"]!.AsArray().Select(item => (string?)item).ToArray(), "orphan", "the options are for each");
        Assert.AreEqual("b,c", string.Join(',', Names(rest)));
        Assert.AreEqual("a", string.Join(',', Names(held)));
    }

    private static string[] Names(Answer list) => [.. list.Json["items"]!.AsArray().Select(item => (string)item!["metadata"]!["name"]!)];
}
