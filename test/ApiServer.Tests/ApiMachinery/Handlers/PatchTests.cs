using System.Text.Json.Nodes;

namespace AiModels.ApiServer.Tests.ApiMachinery.Handlers;

/// <summary>JSON patch and merge patch over real sockets (contract 4.8).</summary>
[TestClass]
public sealed class PatchTests
{
    private const string Merge = "application/merge-patch+json";
    private const string Json = "application/json-patch+json";
    private static WidgetServer s_server = null!;

    [ClassInitialize]
    public static async Task StartAsync(TestContext context) => s_server = await WidgetServer.StartAsync();

    [ClassCleanup]
    public static async Task StopAsync() => await s_server.DisposeAsync();

    [TestMethod]
    public async Task P1_P2_Patch_OfAnotherType_Is415()
    {
        await s_server.CreateAsync(WidgetServer.New("p1"));

        Answer answer = await PatchAsync("p1", "{}", "application/strategic-merge-patch+json");

        Assert.AreEqual(415, answer.Code);
        Assert.AreEqual(
            "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
            answer.Message);
    }

    [TestMethod]
    public async Task P3_Patch_OfAMissingObject_Is404() =>
        Assert.AreEqual(404, (await PatchAsync("nobody", "{}", Merge)).Code);

    [TestMethod]
    public async Task P4_JsonPatch_ChangesOrIsRefused()
    {
        await s_server.CreateAsync(WidgetServer.New("p4"));

        Answer changed = await PatchAsync("p4", """[{"op":"replace","path":"/spec/color","value":"blue"}]""", Json);
        Answer failed = await PatchAsync("p4", """[{"op":"test","path":"/spec/color","value":"green"}]""", Json);
        Answer malformed = await PatchAsync("p4", "{", Json);

        Assert.AreEqual("blue", (string?)changed.Json["spec"]!["color"]);
        Assert.AreEqual(422, failed.Code);
        Assert.AreEqual("the server rejected our request due to an error in our request", failed.Message);
        Assert.AreEqual(400, malformed.Code);
    }

    [TestMethod]
    public async Task P5_P9_MergePatch_ChangesRemovesOrDoesNothing()
    {
        JsonObject stored = await s_server.CreateAsync(WidgetServer.New("p5"));

        Answer nothing = await PatchAsync("p5", "{}", Merge);
        Answer changed = await PatchAsync("p5", """{"spec":{"size":4,"text":"x"}}""", Merge);
        Answer removed = await PatchAsync("p5", """{"spec":{"text":null}}""", Merge);
        Answer malformed = await PatchAsync("p5", "{\"a\":", Merge);

        Assert.AreEqual((string?)stored["metadata"]!["resourceVersion"], (string?)nothing.Json["metadata"]!["resourceVersion"]);
        Assert.AreEqual(4, (int)changed.Json["spec"]!["size"]!);
        Assert.IsNull(removed.Json["spec"]!["text"]);
        Assert.AreEqual(400, malformed.Code);
        StringAssert.StartsWith(malformed.Message, "error decoding patch: ");
    }

    [TestMethod]
    public async Task P6_Patch_WithAResourceVersion_IsALock()
    {
        await s_server.CreateAsync(WidgetServer.New("p6"));

        Answer old = await PatchAsync("p6", """{"metadata":{"resourceVersion":"1"},"spec":{"size":1}}""", Merge);
        Answer none = await PatchAsync("p6", """{"metadata":{"resourceVersion":null}}""", Merge);

        Assert.AreEqual(409, old.Code);
        Assert.AreEqual(422, none.Code);
        StringAssert.EndsWith(none.Message, "must be specified for an update");
    }

    [TestMethod]
    public async Task P6_Patches_AtTheSameTime_AllSucceed()
    {
        await s_server.CreateAsync(WidgetServer.New("p6-many"));

        Answer[] answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(i =>
            PatchAsync("p6-many", new JsonObject { ["metadata"] = new JsonObject { ["labels"] = new JsonObject { [$"l{i}"] = "x" } } }.ToJsonString(), Merge)));

        Assert.IsTrue(answers.All(answer => answer.Code == 200));
        Answer stored = await s_server.SendAsync("GET", WidgetServer.Widgets() + "/p6-many");
        Assert.AreEqual(20, stored.Json["metadata"]!["labels"]!.AsObject().Count);
    }

    [TestMethod]
    public async Task P7_U4_Patch_OfIdentity_IsRefused()
    {
        await s_server.CreateAsync(WidgetServer.New("p7"));

        Answer name = await PatchAsync("p7", """{"metadata":{"name":"other"}}""", Merge);
        Answer uid = await PatchAsync("p7", """{"metadata":{"uid":"other"}}""", Merge);

        Answer version = await PatchAsync("p7", """{"apiVersion":"example.com/v2"}""", Merge);

        Assert.AreEqual(400, name.Code);
        Assert.AreEqual("Widget.example.com \"p7\" is invalid: apiVersion: Invalid value: \"example.com/v2\": must be example.com/v1", version.Message);
        Assert.AreEqual(422, uid.Code);
        StringAssert.Contains(uid.Message, "metadata.uid: Invalid value: \"other\": field is immutable");
    }

    [TestMethod]
    public async Task P8_Patch_WithOptionsOfApply_IsInvalid()
    {
        await s_server.CreateAsync(WidgetServer.New("p8"));

        Answer forced = await s_server.SendAsync("PATCH", WidgetServer.Widgets() + "/p8?force=true", "{}", Merge);
        Answer nameless = await s_server.SendAsync("PATCH", WidgetServer.Widgets() + "/p8", "{}", "application/apply-patch+yaml");

        Assert.AreEqual("PatchOptions.meta.k8s.io \"\" is invalid: force: Forbidden: may not be specified for non-apply patch", forced.Message);
        Assert.AreEqual("PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch", nameless.Message);
    }

    [TestMethod]
    public async Task V6_Patch_WithUnknownFields_WhenStrict_QuotesThePatchedObject()
    {
        await s_server.CreateAsync(WidgetServer.New("v6"));

        Answer answer = await s_server.SendAsync("PATCH", WidgetServer.Widgets() + "/v6?fieldValidation=Strict", """{"spec":{"x":1}}""", Merge);

        Assert.AreEqual(422, answer.Code);
        StringAssert.StartsWith(answer.Message, " \"\" is invalid: patch: Invalid value: \"{\\\"apiVersion\\\":");
        StringAssert.EndsWith(answer.Message, "strict decoding error: unknown field \"spec.x\"");
    }

    [TestMethod]
    public async Task U10_Patch_OfStatus_ChangesOnlyThat()
    {
        await s_server.CreateAsync(WidgetServer.New("u10"));

        Answer answer = await s_server.SendAsync("PATCH", WidgetServer.Widgets() + "/u10/status", """{"status":{"phase":"Ready"},"spec":{"color":"blue"}}""", Merge);

        Assert.AreEqual("Ready", (string?)answer.Json["status"]!["phase"]);
        Assert.AreEqual("red", (string?)answer.Json["spec"]!["color"]);
    }

    private static Task<Answer> PatchAsync(string name, string patch, string type) =>
        s_server.SendAsync("PATCH", WidgetServer.Widgets() + "/" + name, patch, type);
}
