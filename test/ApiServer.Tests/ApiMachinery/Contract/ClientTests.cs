using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Resources;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace AiModels.ApiServer.Tests.ApiMachinery.Contract;

/// <summary>The request sequences of Argo CD, Flux, Helm and dashboards (contract section 8), and rules that only several requests together show.</summary>
[TestClass]
public sealed class ClientTests
{
    private const string Apply = "application/apply-patch+yaml", Merge = "application/merge-patch+json";
    private static WidgetServer s_server = null!;

    public required TestContext TestContext { get; set; }

    [ClassInitialize]
    public static async Task StartAsync(TestContext context) => s_server = await WidgetServer.StartAsync();

    [ClassCleanup]
    public static async Task StopAsync() => await s_server.DisposeAsync();

    [TestMethod]
    [Timeout(60_000)]
    public async Task K20_ArgoCd_ListsInPagesAndWatchesFromTheList()
    {
        await s_server.CreateAsync(WidgetServer.New("a"), "k20");
        await s_server.CreateAsync(WidgetServer.New("b"), "k20");

        JsonObject page = (await s_server.SendAsync("GET", WidgetServer.Widgets("k20") + "?limit=500&resourceVersion=")).Json;
        string version = (string)page["metadata"]!["resourceVersion"]!;
        await s_server.CreateAsync(WidgetServer.New("c"), "k20");
        Answer watch = await s_server.SendAsync("GET", WidgetServer.Widgets("k20") + $"?allowWatchBookmarks=true&resourceVersion={version}&timeoutSeconds=1&watch=true");

        Assert.AreEqual("", (string?)page["metadata"]!["continue"]);
        Assert.AreEqual("c", (string?)JsonNode.Parse(watch.Text.Split('\n')[0])!["object"]!["metadata"]!["name"]);
    }

    [TestMethod]
    public async Task K21_V2_Flux_TellsNewFromUnchanged_ByADryRunOfItsApply()
    {
        const string Query = "?dryRun=All&fieldManager=kustomize-controller&force=true";
        const string Body = """{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"f","namespace":"k21"},"spec":{"size":1}}""";
        string path = WidgetServer.Widgets("k21") + "/f";

        Assert.AreEqual(404, (await s_server.SendAsync("GET", path)).Code);
        Answer dryNew = await s_server.SendAsync("PATCH", path + Query, Body, Apply);
        Answer created = await s_server.SendAsync("PATCH", path + "?fieldManager=kustomize-controller&force=true", Body, Apply);
        Answer drySame = await s_server.SendAsync("PATCH", path + Query, Body, Apply);
        Answer conflictless = await s_server.SendAsync("PATCH", path + "?fieldManager=kustomize-controller&force=true", Body.Replace("\"size\":1", "\"size\":2", StringComparison.Ordinal), Apply);

        Assert.AreEqual(201, dryNew.Code, dryNew.Text);
        Assert.IsNull(dryNew.Json["metadata"]!["resourceVersion"], "empty: Flux reads that as created");
        Assert.AreEqual(201, created.Code);
        Assert.AreEqual((string?)created.Json["metadata"]!["resourceVersion"], (string?)drySame.Json["metadata"]!["resourceVersion"], "no drift");
        Assert.AreEqual(2, (int)conflictless.Json["spec"]!["size"]!);
    }

    [TestMethod]
    public async Task K22_M10_Helm_PatchesByMerge_AndMovesItsOwnershipToApply()
    {
        JsonObject live = await s_server.CreateAsync(WidgetServer.New("h", "red"), "k22");
        string path = WidgetServer.Widgets("k22") + "/h";

        Answer three = await s_server.SendAsync("PATCH", path + "?fieldManager=helm", """{"spec":{"color":"blue"}}""", Merge);
        Answer four = await s_server.SendAsync("PATCH", path + "?fieldManager=helm&force=true", """{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"h"},"spec":{"color":"green"}}""", Apply);

        Assert.AreEqual("blue", (string?)three.Json["spec"]!["color"]);
        Assert.AreEqual(200, four.Code, four.Text);
        Assert.AreEqual("green", (string?)four.Json["spec"]!["color"]);
        Assert.IsNotNull(live["metadata"]!["uid"]);
    }

    [TestMethod]
    [Timeout(60_000)]
    public async Task K23_Q7_W18_Dashboard_ListsAndWatchesByWebSocket_FromTheLastObjectItSaw()
    {
        JsonObject a = await s_server.CreateAsync(WidgetServer.New("a"), "k23");
        using var socket = new ClientWebSocket();
        socket.Options.AddSubProtocol("base64.binary.k8s.io");
        socket.Options.AddSubProtocol("base64url.bearer.authorization.k8s.io." + Convert.ToBase64String(Encoding.UTF8.GetBytes("unused")).TrimEnd('='));
        socket.Options.SetRequestHeader("Origin", "https://dashboard.example.com");
        await using WidgetServer server = await WidgetServer.StartAsync(api => api.Services.AddSingleton<IRequestAuthenticator>(
            StaticTokenAuthenticator.Of(new Dictionary<string, UserInfo> { ["unused"] = new() { Name = "browser" } })));
        JsonObject first = await server.CreateAsync(WidgetServer.New("a"), "k23");
        await socket.ConnectAsync(
            new Uri($"ws://{server.Address.Authority}{WidgetServer.Widgets("k23")}?watch=1&resourceVersion={first["metadata"]!["resourceVersion"]}"), TestContext.CancellationToken);
        await server.CreateAsync(WidgetServer.New("b"), "k23");
        byte[] buffer = new byte[8192];

        WebSocketReceiveResult message = await socket.ReceiveAsync(buffer, TestContext.CancellationToken);

        Assert.AreEqual("base64.binary.k8s.io", socket.SubProtocol);
        Assert.AreEqual("b", (string?)JsonNode.Parse(buffer.AsSpan(0, message.Count))!["object"]!["metadata"]!["name"]);
        Assert.IsNotNull(a);
    }

    [TestMethod]
    public async Task A21_ApplyThatWouldCreate_NeedsTheRightToCreate()
    {
        await using WidgetServer server = await WidgetServer.StartAsync(api => api.Services.AddSingleton<IAuthorizer>(new AllBut("create")), allowsAll: false);
        const string Body = """{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"n"}}""";

        Answer answer = await server.SendAsync("PATCH", WidgetServer.Widgets() + "/n?fieldManager=m", Body, Apply);

        Assert.AreEqual(403, answer.Code);
        StringAssert.Contains(answer.Message, "cannot create resource \"widgets\" in API group \"example.com\" in the namespace \"default\"");
    }

    [TestMethod]
    public async Task G3_InATerminatingNamespace_UpdatesGoOn_AndApplyIsACreate()
    {
        var namespaces = new Namespaces();
        await using WidgetServer server = await WidgetServer.StartAsync(api => api.Services.AddSingleton<IAdmission>(new NamespaceLifecycle(namespaces, TimeProvider.System)));
        JsonObject held = WidgetServer.New("held");
        held["metadata"]!["finalizers"] = new JsonArray("example.com/hold");
        await server.CreateAsync(held);
        namespaces.State = NamespaceState.Terminating;

        Answer changed = await server.SendAsync("PATCH", WidgetServer.Widgets() + "/held", """{"metadata":{"finalizers":null}}""", Merge);
        Answer applied = await server.SendAsync("PATCH", WidgetServer.Widgets() + "/new?fieldManager=m", """{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"new"}}""", Apply);
        Answer deleted = await server.SendAsync("DELETE", WidgetServer.Widgets() + "/held");
        namespaces.State = NamespaceState.Absent;
        Answer orphaned = await server.SendAsync("PATCH", WidgetServer.Widgets() + "/held", """{"spec":{"size":1}}""", Merge);

        Assert.AreEqual(200, changed.Code, changed.Text);
        Assert.AreEqual(403, applied.Code);
        StringAssert.Contains(applied.Message, "because it is being terminated");
        Assert.AreEqual(200, deleted.Code);
        Assert.AreEqual(404, orphaned.Code);
    }

    [TestMethod]
    public async Task H2_Refusals_ThatMayBeRepeated_SayWhen()
    {
        await using WidgetServer server = await WidgetServer.StartAsync(options: options => options.FutureRevisionWait = TimeSpan.Zero);

        Answer future = await server.SendAsync("GET", WidgetServer.Widgets() + "?resourceVersion=99999999");

        Assert.AreEqual(504, future.Code);
        Assert.AreEqual("1", future.Header("Retry-After"));
    }

    [TestMethod]
    public async Task M27_M33_Apply_ToFieldsWithoutASchema_MergesMapsAndReplacesLists()
    {
        const string Path = "/apis/example.com/v1/gadgets/m27";
        static string Body(string spec) => $$$"""{"apiVersion":"example.com/v1","kind":"Gadget","metadata":{"name":"m27"},"spec":{{{spec}}}}""";

        Answer nobody = await s_server.SendAsync("PATCH", Path, Body("{}"), Apply);
        await s_server.SendAsync("PATCH", Path + "?fieldManager=one", Body("""{"map":{"a":1},"list":[1,2]}"""), Apply);
        Answer two = await s_server.SendAsync("PATCH", Path + "?fieldManager=two&force=false&fieldValidation=Strict", Body("""{"map":{"b":2}}"""), Apply);
        Answer conflict = await s_server.SendAsync("PATCH", Path + "?fieldManager=two", Body("""{"map":{"b":2},"list":[3]}"""), Apply);

        Assert.AreEqual(422, nobody.Code, "no manager is made up for an apply");
        Assert.AreEqual("""{"list":[1,2],"map":{"a":1,"b":2}}""", Sorted(two.Json["spec"]!));
        Assert.AreEqual(409, conflict.Code);
        StringAssert.Contains(conflict.Message, ".spec.list");
    }

    [TestMethod]
    public void A5_H10_Connections_HaveUpstreamsLimits()
    {
        var kestrel = new KestrelServerOptions();

        kestrel.UseApiServerLimits();

        Assert.AreEqual(1000, kestrel.Limits.Http2.MaxStreamsPerConnection);
        Assert.AreEqual(TimeSpan.FromSeconds(90), kestrel.Limits.KeepAliveTimeout);
        Assert.AreEqual(TimeSpan.FromSeconds(32), kestrel.Limits.RequestHeadersTimeout);
        Assert.IsNull(kestrel.Limits.MinResponseDataRate, "a watch may be silent");
        Assert.IsNull(kestrel.Limits.MinRequestBodyDataRate);
    }

    [TestMethod]
    public void K15_Q3_Q4_Q10_Defaults_AreUpstreams()
    {
        ApiMachineryOptions options = s_server.Services.GetRequiredService<IOptions<ApiMachineryOptions>>().Value;

        Assert.AreEqual(3 * 1024 * 1024, options.MaximumRequestBytes, "our own limit: kube-apiserver has none for us");
        Assert.AreEqual(TimeSpan.FromSeconds(60), options.RequestTimeout, "as long as kube-apiserver waits for what is not a watch");
        Assert.AreEqual(TimeSpan.FromSeconds(1800), options.MinimumWatchTimeout);
        Assert.Contains("all", WidgetServer.Widget.Categories, "kubectl get all");
    }

    private static string Sorted(JsonNode spec) => new JsonObject(spec.AsObject().OrderBy(field => field.Key, StringComparer.Ordinal)
        .Select(field => KeyValuePair.Create(field.Key, field.Value?.DeepClone()))).ToJsonString();

    private sealed class AllBut(string verb) : IAuthorizer
    {
        public ValueTask<AuthorizationDecision> AuthorizeAsync(AuthorizationAttributes attributes, CancellationToken cancellationToken) =>
            new(attributes.Verb == verb ? AuthorizationDecision.Deny() : AuthorizationDecision.Allow);
    }

    private sealed class Namespaces : INamespaceSource
    {
        public NamespaceState State { get; set; } = NamespaceState.Active;

        public ValueTask<NamespaceState> GetStateAsync(string name, CancellationToken cancellationToken) => new(State);
    }
}
