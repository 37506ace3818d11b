using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Resources;

namespace AiModels.ApiServer.Tests.ApiMachinery.Apply;

/// <summary>Server-side apply as a client sees it (contract M20-M33, V7), through the real server and store.</summary>
[TestClass]
public sealed class ApplyOverHttpTests
{
    private static WidgetServer s_server = null!;

    [ClassInitialize]
    public static async Task StartAsync(TestContext _) => s_server = await WidgetServer.StartAsync();

    [ClassCleanup]
    public static async Task StopAsync() => await s_server.DisposeAsync();

    private static Task<Answer> Apply(string name, string rest, string manager, string query = "", string subresource = "", string body = "") => s_server.SendAsync(
        "PATCH", $"{WidgetServer.Widgets()}/{name}{subresource}?fieldManager={manager}{query}",
        $"apiVersion: example.com/v1\nkind: Widget\nmetadata: {{name: {name}{body}}}\n{rest}\n", "application/apply-patch+yaml");

    [TestMethod]
    public async Task M23_M24_M25_Apply_NewThenSame_CreatesThenChangesNothing()
    {
        Answer created = await Apply("a1", "spec: {size: 3}", "one");
        Answer again = await Apply("a1", "spec: {size: 3}", "one");

        Assert.AreEqual(201, created.Code, created.Text);
        Assert.AreEqual(200, again.Code, again.Text);
        Assert.AreEqual(created.Text, again.Text);
        Assert.AreEqual("red", (string?)created.Json["spec"]!["color"], "defaults apply");
        Assert.AreEqual("""{"f:spec":{"f:size":{}}}""", created.Json["metadata"]!["managedFields"]![0]!["fieldsV1"]!.ToJsonString());
    }

    [TestMethod]
    public async Task M24_Apply_WithAVersion_MindsItOfWhatIsThere_AndIgnoresItOtherwise()
    {
        Answer created = await Apply("a9", "spec: {size: 3}", "one", body: ", resourceVersion: \"5\"");
        Answer outdated = await Apply("a9", "spec: {size: 4}", "one", body: ", resourceVersion: \"5\"");
        Answer current = await Apply("a9", "spec: {size: 4}", "one", body: $", resourceVersion: \"{created.Json["metadata"]!["resourceVersion"]}\"");

        Assert.AreEqual(201, created.Code, created.Text);
        Assert.AreEqual(
            (409, "Operation cannot be fulfilled on widgets.example.com \"a9\": the object has been modified; please apply your changes to the latest version and try again"),
            (outdated.Code, outdated.Message));
        Assert.AreEqual((200, 4), (current.Code, (int)current.Json["spec"]!["size"]!));
    }

    [TestMethod]
    public async Task M23_Apply_ThatChangesNothing_WritesNothing_AndIsSeenByNoWatch()
    {
        JsonObject first = (await Apply("a10", "spec: {size: 3}", "one")).Json;

        Answer again = await Apply("a10", "spec: {size: 3}", "one");
        Answer watch = await s_server.SendAsync(
            "GET", $"{WidgetServer.Widgets()}?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Da10&resourceVersion={first["metadata"]!["resourceVersion"]}");

        Assert.AreEqual(first.ToJsonString(), again.Json.ToJsonString());
        Assert.AreEqual("", watch.Text);
    }

    [TestMethod]
    public async Task M25_Apply_OfWhatIsNew_IsACreate()
    {
        JsonObject created = (await Apply("a11", "spec: {size: 3}\nstatus: {phase: Ready}", "one")).Json;

        Assert.IsNull(created["status"]);
        Assert.AreEqual(1, (int)created["metadata"]!["generation"]!);
        Assert.AreEqual("default", (string?)created["metadata"]!["namespace"]);
        Assert.IsTrue(Guid.TryParse((string?)created["metadata"]!["uid"], out _));
    }

    [TestMethod]
    public async Task M21_M30_Apply_FieldOfAnother_IsAConflictUntilForced()
    {
        await Apply("a2", "spec: {size: 3}", "one");

        Answer conflict = await Apply("a2", "spec: {size: 4}", "two");
        Answer forced = await Apply("a2", "spec: {size: 4}", "two", "&force=true");

        Assert.AreEqual(409, conflict.Code);
        Assert.AreEqual("Conflict", (string?)conflict.Json["reason"]);
        Assert.AreEqual("Apply failed with 1 conflict: conflict with \"one\": .spec.size", conflict.Message);
        Assert.AreEqual("""{"causes":[{"reason":"FieldManagerConflict","message":"conflict with \"one\"","field":".spec.size"}]}""", JsonNode.Parse(conflict.Body)!["details"]!.ToJsonString(new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }));
        Assert.AreEqual(200, forced.Code, forced.Text);
        Assert.AreEqual(4, (int)forced.Json["spec"]!["size"]!);
    }

    [TestMethod]
    public async Task V7_E2_Apply_UnknownField_IsA500WithoutReason()
    {
        Answer answer = await Apply("a3", "spec: {what: 3}", "one");

        Assert.AreEqual(500, answer.Code);
        Assert.IsNull(answer.Json["reason"]);
        Assert.AreEqual("failed to create typed patch object (/a3; example.com/v1, Kind=Widget): .spec.what: field not declared in schema", answer.Message);
    }

    [TestMethod]
    public async Task M21_Apply_NoLongerNamed_IsRemoved()
    {
        await Apply("a4", "spec: {size: 3, text: hello}", "one");

        Answer answer = await Apply("a4", "spec: {size: 3}", "one");

        Assert.IsNull(answer.Json["spec"]!["text"], answer.Text);
    }

    [TestMethod]
    public async Task M11_Apply_ToStatus_ChangesStatusOnly()
    {
        await Apply("a5", "spec: {size: 3}", "one");

        Answer answer = await Apply("a5", "spec: {size: 9}\nstatus: {phase: Ready}", "controller", subresource: "/status");

        Assert.AreEqual(200, answer.Code, answer.Text);
        Assert.AreEqual(3, (int)answer.Json["spec"]!["size"]!);
        Assert.AreEqual("Ready", (string?)answer.Json["status"]!["phase"]);
        CollectionAssert.AreEquivalent(new[] { "one/Apply: .spec.size", "controller/Apply/status: .status.phase" }, Widgets.Owners(answer.Json).Split('\n'));
    }

    [TestMethod]
    public async Task M5_Put_AfterApply_TakesWhatItChanges()
    {
        JsonObject live = (await Apply("a6", "spec: {size: 3, text: x}", "one")).Json;
        live["spec"]!["size"] = 5;

        Answer answer = await s_server.SendAsync("PUT", WidgetServer.Widgets() + "/a6?fieldManager=putter", live);

        Assert.AreEqual(200, answer.Code, answer.Text);
        Assert.AreEqual("one/Apply: .spec.text\nputter/Update: .spec.size", Widgets.Owners(answer.Json));
    }

    [TestMethod]
    public async Task Create_WhatTheStrategyAdds_IsNobodys()
    {
        await using WidgetServer server = await WidgetServer.StartAsync(widget: WidgetServer.Widget with { Strategy = new AddsFinalizer() });

        JsonObject created = await server.CreateAsync(WidgetServer.New("a8", "blue"));

        Assert.AreEqual("example.com/f", (string?)created["metadata"]!["finalizers"]![0]);
        Assert.DoesNotContain("finalizers", Widgets.Owners(created));
    }

    [TestMethod]
    public async Task M10_JsonPatch_OfManagedFieldsWithVersion_MigratesOwners()
    {
        JsonObject live = await s_server.CreateAsync(WidgetServer.New("a7", "blue"));
        string patch = $$$"""
            [{"op":"replace","path":"/metadata/managedFields","value":[{"manager":"kubectl","operation":"Apply","apiVersion":"example.com/v1","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:color":{} } } }]},
             {"op":"replace","path":"/metadata/resourceVersion","value":"{{{live["metadata"]!["resourceVersion"]}}}"}]
            """;

        Answer answer = await s_server.SendAsync("PATCH", WidgetServer.Widgets() + "/a7", patch, "application/json-patch+json");

        Assert.AreEqual(200, answer.Code, answer.Text);
        Assert.AreEqual("kubectl/Apply: .spec.color", Widgets.Owners(answer.Json));
    }

    private sealed class AddsFinalizer : IResourceStrategy
    {
        public void Prepare(JsonObject current, JsonObject? previous) => current["metadata"]!["finalizers"] ??= new JsonArray("example.com/f");
    }
}
