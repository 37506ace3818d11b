using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Storage;
using AiModels.ApiMachinery.Storage.Sqlite;
using AiModels.TestKit;
using Microsoft.Extensions.DependencyInjection;

namespace AiModels.ApiServer.Tests.ApiMachinery;

/// <summary>An update may begin with what a store remembers, and nothing of that is ever seen.</summary>
[TestClass]
public sealed class OldMemoryTests
{
    private static readonly string Path = WidgetServer.Widgets() + "/w";
    private readonly TempFolder _folder = new();
    private readonly AllBut _authorizer = new();
    private WidgetServer _server = null!;

    [TestInitialize]
    public async Task StartAsync()
    {
        var sqlite = new SqliteObjectStore(new SqliteStoreOptions { Path = _folder["objects.db"], CompactionInterval = TimeSpan.Zero }, TimeProvider.System);
        _server = await WidgetServer.StartAsync(
            api => api.Services.AddSingleton<IObjectStore>(new OldMemory(sqlite)).AddSingleton<IAuthorizer>(_authorizer), allowsAll: false);
        await _server.CreateAsync(WidgetServer.New("w", "red"));
        Assert.AreEqual(200, (await PatchAsync("""{"spec":{"color":"blue","size":3}}""")).Code);
    }

    [TestCleanup]
    public async Task StopAsync()
    {
        await _server.DisposeAsync();
        _folder.Dispose();
    }

    [TestMethod]
    public async Task Patch_IsOfTheNewestState()
    {
        JsonObject patched = (await PatchAsync("""{"spec":{"text":"t"}}""")).Json;
        Assert.AreEqual("""{"color":"blue","size":3,"text":"t"}""", patched["spec"]!.ToJsonString());

        Answer tested = await PatchAsync("""[{"op":"test","path":"/spec/color","value":"blue"},{"op":"replace","path":"/spec/size","value":4}]""", "application/json-patch+json");
        Assert.AreEqual(200, tested.Code, tested.Text);
        Answer refused = await PatchAsync("""[{"op":"test","path":"/spec/color","value":"red"}]""", "application/json-patch+json");
        Assert.AreEqual(422, refused.Code, refused.Text);
    }

    [TestMethod]
    public async Task Patch_BackToWhatIsRemembered_IsWritten_AndOneThatChangesNothingIsNot()
    {
        string before = Version((await _server.SendAsync("GET", Path)).Json);
        JsonObject same = (await PatchAsync("""{"spec":{"color":"blue"}}""")).Json;
        Assert.AreEqual(before, Version(same));
        JsonObject back = (await PatchAsync("""{"spec":{"color":"red","size":null}}""")).Json;
        Assert.AreNotEqual(before, Version(back));
        Assert.AreEqual("red", (string?)(await _server.SendAsync("GET", Path)).Json["spec"]!["color"]);
    }

    [TestMethod]
    public async Task Put_IsComparedWithTheNewestVersion()
    {
        JsonObject newest = (await _server.SendAsync("GET", Path)).Json;
        newest["spec"]!["size"] = 5;
        Answer put = await _server.SendAsync("PUT", Path, newest);
        Assert.AreEqual(200, put.Code, put.Text);
        Assert.AreEqual(409, (await _server.SendAsync("PUT", Path, newest)).Code);
        JsonObject dry = put.Json;
        dry["spec"]!["size"] = 6;
        Assert.AreEqual(200, (await _server.SendAsync("PUT", Path + "?dryRun=All", dry)).Code);
    }

    [TestMethod]
    public async Task Write_ToWhatIsGone_IsNotFound_AndAnApplyCreatesOnlyWithTheRight()
    {
        Assert.AreEqual(200, (await _server.SendAsync("DELETE", Path)).Code);
        Assert.AreEqual(404, (await PatchAsync("""{"spec":{"color":"red"}}""")).Code);
        Assert.AreEqual(404, (await PatchAsync("""{"spec":{"color":"green"}}""")).Code);

        _authorizer.Refuses = "create";
        Answer refused = await ApplyAsync();
        Assert.AreEqual(403, refused.Code, refused.Text);
        _authorizer.Refuses = "";
        Assert.AreEqual(201, (await ApplyAsync()).Code);
        Assert.AreEqual(200, (await ApplyAsync()).Code);
    }

    private Task<Answer> ApplyAsync() => _server.SendAsync(
        "PATCH", Path + "?fieldManager=m", """{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"w"},"spec":{"text":"applied"}}""", "application/apply-patch+yaml");

    private Task<Answer> PatchAsync(string patch, string type = "application/merge-patch+json") => _server.SendAsync("PATCH", Path, patch, type);

    private static string Version(JsonObject obj) => (string)obj["metadata"]!["resourceVersion"]!;

    private sealed class AllBut : IAuthorizer
    {
        public string Refuses { get; set; } = "";

        public ValueTask<AuthorizationDecision> AuthorizeAsync(AuthorizationAttributes attributes, CancellationToken cancellationToken) =>
            ValueTask.FromResult(attributes.Verb == Refuses ? AuthorizationDecision.Deny("no") : AuthorizationDecision.Allow);
    }
}
