using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace AiModels.ApiServer.Tests.ApiMachinery.Handlers;

/// <summary>Watches over real sockets (contract 4.6).</summary>
[TestClass]
public sealed class WatchTests
{
    private static WidgetServer s_server = null!;

    public required TestContext TestContext { get; set; }

    [ClassInitialize]
    public static async Task StartAsync(TestContext context) => s_server = await WidgetServer.StartAsync(options: options =>
    {
        options.FutureRevisionWait = TimeSpan.FromMilliseconds(100);
        options.BookmarkInterval = TimeSpan.FromMilliseconds(50);
    });

    [ClassCleanup]
    public static async Task StopAsync() => await s_server.DisposeAsync();

    [TestMethod]
    [Timeout(20_000)]
    public async Task W1_W2_Watch_FromNothing_SendsWhatExistsThenChanges()
    {
        await s_server.CreateAsync(WidgetServer.New("a"), "w2");
        using Watch watch = await OpenAsync("w2", "watch=true");
        Assert.AreEqual("ADDED a", await watch.NextAsync());
        await s_server.CreateAsync(WidgetServer.New("b"), "w2");
        await s_server.SendAsync("DELETE", WidgetServer.Widgets("w2") + "/a");

        Assert.AreEqual("ADDED b", await watch.NextAsync());
        Assert.AreEqual("DELETED a", await watch.NextAsync());
        Assert.AreEqual("Widget", (string?)watch.Object["kind"]);
        Assert.AreEqual("application/json", watch.ContentType);
    }

    [TestMethod]
    [Timeout(20_000)]
    public async Task W2_W8_Watch_FromARevision_SendsOnlyLaterChanges_AndDeletesAtTheirOwnRevision()
    {
        JsonObject a = await s_server.CreateAsync(WidgetServer.New("a"), "w8");
        JsonObject b = await s_server.CreateAsync(WidgetServer.New("b"), "w8");
        await s_server.SendAsync("DELETE", WidgetServer.Widgets("w8") + "/b");

        using Watch watch = await OpenAsync("w8", "watch=1&resourceVersion=" + a["metadata"]!["resourceVersion"]);

        Assert.AreEqual("ADDED b", await watch.NextAsync());
        Assert.AreEqual("DELETED b", await watch.NextAsync());
        Assert.IsTrue(long.Parse((string)watch.Object["metadata"]!["resourceVersion"]!) > long.Parse((string)b["metadata"]!["resourceVersion"]!));
    }

    [TestMethod]
    [Timeout(20_000)]
    public async Task W3_Watch_OfCompactedHistory_EndsWithAnExpiredEvent()
    {
        await using WidgetServer server = await WidgetServer.StartAsync(watchEvents: 1);
        IObjectStore store = server.Services.GetRequiredService<IObjectStore>();
        for (int i = 0; i < 3; i++)
        {
            await server.CreateAsync(WidgetServer.New("x" + i));
        }

        await store.CompactAsync(await store.GetRevisionAsync(default), default);
        using Watch watch = await OpenAsync(server, "default", "watch=1&resourceVersion=1", TestContext.CancellationToken);

        Assert.AreEqual("ERROR ", await watch.NextAsync());
        Assert.AreEqual(410, (int)watch.Object["code"]!);
        Assert.AreEqual("Expired", (string?)watch.Object["reason"]);
        StringAssert.Matches((string)watch.Object["message"]!, new("^too old resource version: 1 \\([0-9]+\\)$"));
        Assert.IsNull(await watch.NextAsync());
    }

    [TestMethod]
    [Timeout(20_000)]
    public async Task W7_Watch_WithSelector_ShowsEnteringAndLeaving()
    {
        JsonObject a = await s_server.CreateAsync(WidgetServer.New("a", "green"), "w7");
        using Watch watch = await OpenAsync("w7", "watch=1&fieldSelector=spec.color=blue");
        await PatchAsync("w7", "a", """{"spec":{"color":"blue"}}""");
        await PatchAsync("w7", "a", """{"spec":{"size":1}}""");
        JsonObject left = await PatchAsync("w7", "a", """{"spec":{"color":"green"}}""");
        await s_server.SendAsync("DELETE", WidgetServer.Widgets("w7") + "/a");
        await s_server.CreateAsync(WidgetServer.New("b", "blue"), "w7");

        Assert.AreEqual("ADDED a", await watch.NextAsync());
        Assert.AreEqual("MODIFIED a", await watch.NextAsync());
        Assert.AreEqual("DELETED a", await watch.NextAsync());
        Assert.AreEqual("blue", (string?)watch.Object["spec"]!["color"], "the last state that matched");
        Assert.AreEqual((string?)left["metadata"]!["resourceVersion"], (string?)watch.Object["metadata"]!["resourceVersion"]);
        Assert.AreEqual("ADDED b", await watch.NextAsync());
    }

    [TestMethod]
    [Timeout(20_000)]
    public async Task W9_W10_Watch_WithBookmarks_GetsThem_AndEndsCleanlyInTime()
    {
        JsonObject a = await s_server.CreateAsync(WidgetServer.New("a"), "w9");
        using Watch watch = await OpenAsync("w9", $"watch=1&allowWatchBookmarks=true&timeoutSeconds=1&resourceVersion={a["metadata"]!["resourceVersion"]}");
        await s_server.CreateAsync(WidgetServer.New("elsewhere"), "w9-other");

        Assert.AreEqual("BOOKMARK ", await watch.NextAsync());
        Assert.AreEqual("Widget", (string?)watch.Object["kind"]);
        string? last = "BOOKMARK ";
        while (last is not null)
        {
            Assert.AreEqual("BOOKMARK ", last);
            last = await watch.NextAsync();
        }

        Assert.IsTrue(long.Parse((string)watch.Object["metadata"]!["resourceVersion"]!) > long.Parse((string)a["metadata"]!["resourceVersion"]!),
            "bookmarks move on with changes elsewhere");
    }

    [TestMethod]
    [Timeout(20_000)]
    public async Task W11_W12_W13_W15_WatchList_MarksTheEndOfInitialEvents()
    {
        await s_server.CreateAsync(WidgetServer.New("a"), "w11");
        foreach (string query in new[] { "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true", "allowWatchBookmarks=1" })
        {
            using Watch watch = await OpenAsync("w11", "watch=1&" + query);

            Assert.AreEqual("ADDED a", await watch.NextAsync());
            long version = long.Parse((string)watch.Object["metadata"]!["resourceVersion"]!);
            Assert.AreEqual("BOOKMARK ", await watch.NextAsync());
            Assert.AreEqual("true", (string?)watch.Object["metadata"]!["annotations"]!["k8s.io/initial-events-end"]);
            Assert.IsTrue(long.Parse((string)watch.Object["metadata"]!["resourceVersion"]!) >= version);
        }
    }

    [TestMethod]
    [Timeout(20_000)]
    public async Task W4_WatchList_FromTheFuture_EndsWithATimeoutEvent()
    {
        using Watch watch = await OpenAsync(
            "w4", "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&resourceVersion=99999999");

        Assert.AreEqual("ERROR ", await watch.NextAsync());
        Assert.AreEqual(504, (int)watch.Object["code"]!);
    }

    [TestMethod]
    [Timeout(20_000)]
    public async Task W16_Watch_OfOneName_SeesOnlyThat_AndANamedPathIsNoWatch()
    {
        await s_server.CreateAsync(WidgetServer.New("a"), "w16");
        await s_server.CreateAsync(WidgetServer.New("ab"), "w16");
        using Watch watch = await OpenAsync("w16", "watch=1&fieldSelector=metadata.name=a");
        using Watch deprecated = await OpenPathAsync(s_server, "/apis/example.com/v1/watch/namespaces/w16/widgets/a", TestContext.CancellationToken);
        await PatchAsync("w16", "ab", """{"spec":{"size":1}}""");
        await PatchAsync("w16", "a", """{"spec":{"size":1}}""");

        Assert.AreEqual("ADDED a", await watch.NextAsync());
        Assert.AreEqual("MODIFIED a", await watch.NextAsync());
        Assert.AreEqual("ADDED a", await deprecated.NextAsync());
        Assert.AreEqual("MODIFIED a", await deprecated.NextAsync());
        Assert.AreEqual("Widget", (string?)(await s_server.SendAsync("GET", WidgetServer.Widgets("w16") + "/a?watch=1")).Json["kind"]);
    }

    [TestMethod]
    [Timeout(20_000)]
    public async Task W18_Watch_OverWebSocket_SendsOneMessageForEachEvent()
    {
        await s_server.CreateAsync(WidgetServer.New("a"), "w18");
        using var socket = new ClientWebSocket();
        socket.Options.AddSubProtocol("base64.binary.k8s.io");
        await socket.ConnectAsync(new Uri($"ws://{s_server.Address.Authority}{WidgetServer.Widgets("w18")}?watch=1"), TestContext.CancellationToken);
        byte[] buffer = new byte[8192];

        WebSocketReceiveResult message = await socket.ReceiveAsync(buffer, TestContext.CancellationToken);

        Assert.AreEqual("base64.binary.k8s.io", socket.SubProtocol);
        Assert.AreEqual(WebSocketMessageType.Text, message.MessageType);
        Assert.IsTrue(message.EndOfMessage);
        Assert.AreEqual("ADDED", (string?)JsonNode.Parse(buffer.AsSpan(0, message.Count))!["type"]);
    }

    [TestMethod]
    [Timeout(20_000)]
    public async Task W17_H12_Watch_EndsCleanlyWhenTheServerStops()
    {
        WidgetServer server = await WidgetServer.StartAsync();
        await server.CreateAsync(WidgetServer.New("a"));
        using Watch watch = await OpenAsync(server, "default", "watch=1", TestContext.CancellationToken);
        Assert.AreEqual("ADDED a", await watch.NextAsync());

        Task stopping = server.StopAsync();

        Assert.IsNull(await watch.NextAsync());
        await stopping;
        await server.DisposeAsync();
    }

    [TestMethod]
    [Timeout(20_000)]
    public async Task W19_Watch_AsYaml_Is406()
    {
        Answer answer = await s_server.SendAsync("GET", WidgetServer.Widgets() + "?watch=1", accept: "application/yaml");

        Assert.AreEqual(406, answer.Code);
    }

    [TestMethod]
    [Timeout(20_000)]
    public async Task N10_Watch_AsTable_SendsColumnsOnce()
    {
        await s_server.CreateAsync(WidgetServer.New("a"), "n10");
        await s_server.CreateAsync(WidgetServer.New("b"), "n10");
        using Watch watch = await OpenAsync("n10", "watch=1&allowWatchBookmarks=1", "application/json;as=Table;v=v1;g=meta.k8s.io");

        await watch.NextAsync();
        Assert.AreEqual(3, watch.Object["columnDefinitions"]!.AsArray().Count);
        Assert.AreEqual("a", (string?)watch.Object["rows"]![0]!["cells"]![0]);
        await watch.NextAsync();
        Assert.IsNull(watch.Object["columnDefinitions"]);
        Assert.AreEqual("BOOKMARK ", await watch.NextAsync());
        Assert.AreEqual("Table", (string?)watch.Object["kind"]);
        Assert.AreEqual("true", (string?)watch.Object["rows"]![0]!["object"]!["metadata"]!["annotations"]!["k8s.io/initial-events-end"]);
    }

    [TestMethod]
    [Timeout(20_000)]
    public async Task U6_U7_Watch_SeesNoNoOps_AndOnlyTheDeletionWhenFinalizersAreEmptied()
    {
        JsonObject widget = WidgetServer.New("a");
        widget["metadata"]!["finalizers"] = new JsonArray("example.com/hold");
        JsonObject a = await s_server.CreateAsync(widget, "u7");
        using Watch watch = await OpenAsync("u7", "watch=1&resourceVersion=" + a["metadata"]!["resourceVersion"]);
        await PatchAsync("u7", "a", "{}");
        await s_server.SendAsync("DELETE", WidgetServer.Widgets("u7") + "/a");
        JsonObject last = await PatchAsync("u7", "a", """{"metadata":{"finalizers":null}}""");

        Assert.AreEqual("MODIFIED a", await watch.NextAsync());
        string terminating = (string)watch.Object["metadata"]!["resourceVersion"]!;
        Assert.AreEqual("DELETED a", await watch.NextAsync());
        Assert.AreEqual(1, watch.Object["metadata"]!["finalizers"]!.AsArray().Count, "the event still shows the finalizer");
        Assert.AreEqual(terminating, (string?)last["metadata"]!["resourceVersion"], "the answer has the old resourceVersion");
    }

    private static async Task<JsonObject> PatchAsync(string ns, string name, string patch)
    {
        Answer answer = await s_server.SendAsync("PATCH", WidgetServer.Widgets(ns) + "/" + name, patch, "application/merge-patch+json");
        Assert.AreEqual(200, answer.Code, answer.Text);
        return answer.Json;
    }

    private Task<Watch> OpenAsync(string ns, string query, string accept = "application/json") =>
        OpenAsync(s_server, ns, query, TestContext.CancellationToken, accept);

    private static Task<Watch> OpenAsync(WidgetServer server, string ns, string query, CancellationToken cancellationToken, string accept = "application/json") =>
        OpenPathAsync(server, WidgetServer.Widgets(ns) + "?" + query, cancellationToken, accept);

    private static async Task<Watch> OpenPathAsync(WidgetServer server, string path, CancellationToken cancellationToken, string accept = "application/json")
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.TryAddWithoutValidation("Accept", accept);
        HttpResponseMessage response = await server.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        Assert.AreEqual(200, (int)response.StatusCode);
        return new Watch(response, new StreamReader(await response.Content.ReadAsStreamAsync(cancellationToken), Encoding.UTF8), cancellationToken);
    }

    /// <summary>An open watch, read line by line.</summary>
    private sealed class Watch(HttpResponseMessage response, StreamReader lines, CancellationToken cancellationToken) : IDisposable
    {
        public string? ContentType => response.Content.Headers.ContentType?.ToString();

        public JsonObject Object { get; private set; } = [];

        /// <summary>Type and name of the next event; null at the end.</summary>
        public async Task<string?> NextAsync()
        {
            if (await lines.ReadLineAsync(cancellationToken) is not { } line)
            {
                return null;
            }

            JsonNode change = JsonNode.Parse(line)!;
            Object = change["object"]!.AsObject();
            return $"{change["type"]} {Object["metadata"]?["name"]}";
        }

        public void Dispose()
        {
            lines.Dispose();
            response.Dispose();
        }
    }
}
