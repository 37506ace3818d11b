using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace AiModels.ApiServer.Tests.ApiMachinery.Contract;

/// <summary>The requests that kube-apiserver's aggregation layer makes on its own behalf, headers included (contract 1.1, 2.1, 2.2, 7.7, 7.8).</summary>
[TestClass]
public sealed class AggregatorTests
{
    private const string V2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    private const string Discovery = V2 + ",application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";
    private static readonly (string, string)[] s_asAggregator = [("X-Forwarded-For", "10.0.0.1"), ("User-Agent", "Go-http-client/2.0")];
    private static WidgetServer s_server = null!;

    [ClassInitialize]
    public static async Task StartAsync(TestContext context) => s_server = await WidgetServer.StartAsync();

    [ClassCleanup]
    public static async Task StopAsync() => await s_server.DisposeAsync();

    [TestMethod]
    public async Task D2_D4_D7_Discovery_AskedEveryMinute_CostsNothingWhileItIsTheSame()
    {
        Answer first = await s_server.SendAsync("GET", "/apis", accept: Discovery, headers: s_asAggregator);
        Answer minuteLater = await s_server.SendAsync("GET", "/apis", accept: Discovery, headers: [.. s_asAggregator, ("If-None-Match", first.Header("ETag"))]);
        Answer changed = await s_server.SendAsync("GET", "/apis", accept: Discovery, headers: [.. s_asAggregator, ("If-None-Match", "\"OLD\"")]);

        Assert.AreEqual(V2, first.Header("Content-Type"));
        Assert.AreEqual("public", first.Header("Cache-Control"));
        Assert.AreEqual(304, minuteLater.Code);
        Assert.AreEqual("", minuteLater.Text);
        Assert.AreEqual(first.Text, changed.Text);
    }

    [TestMethod]
    public async Task D8_D14_D15_D25_Discovery_HasACompleteEntryForEachResourceOfTheVersion()
    {
        JsonNode group = (await s_server.SendAsync("GET", "/apis", accept: Discovery)).Json["items"]![0]!;
        JsonNode version = group["versions"]!.AsArray().Single()!;

        Assert.AreEqual("v1", (string?)version["version"], "only what an APIService names is used, so each version stands for itself");
        List<string> shortNames = [];
        foreach (JsonNode? resource in version["resources"]!.AsArray())
        {
            Assert.IsNotEmpty(resource!["verbs"]!.AsArray());
            AssertKind(resource["responseKind"]);
            shortNames.AddRange((resource["shortNames"] as JsonArray ?? []).Select(name => (string)name!));
            foreach (JsonNode? subresource in resource["subresources"] as JsonArray ?? [])
            {
                AssertKind(subresource!["responseKind"]);
                Assert.IsNotEmpty(subresource["verbs"]!.AsArray());
            }
        }

        CollectionAssert.AllItemsAreUnique(shortNames);

        static void AssertKind(JsonNode? kind)
        {
            Assert.IsNotNull(kind);
            Assert.AreNotEqual("", (string?)kind["kind"]);
        }
    }

    [TestMethod]
    public async Task D27_O10_O12_FirstRequests_OfANewServer_FindEverythingAtOnce()
    {
        await using WidgetServer server = await WidgetServer.StartAsync();

        Answer[] answers = await Task.WhenAll(
            server.SendAsync("GET", "/apis/example.com/v1"), server.SendAsync("GET", "/openapi/v3"), server.SendAsync("GET", "/openapi/v2"),
            server.SendAsync("GET", WidgetServer.Widgets()), server.SendAsync("GET", "/apis", accept: Discovery));

        Assert.IsTrue(answers.All(answer => answer.Code == 200), "a 404 would be believed: the resource vanished");
        CollectionAssert.AreEqual(new[] { "apis/example.com/v1" }, answers[1].Json["paths"]!.AsObject().Select(path => path.Key).ToArray());
    }

    [TestMethod]
    public async Task O1_O2_O3_OpenApiV2_IsJson_And304WhileItIsTheSame()
    {
        Answer first = await s_server.SendAsync("GET", "/openapi/v2", accept: "application/json");
        Answer again = await s_server.SendAsync("GET", "/openapi/v2", accept: "application/json", headers: ("If-None-Match", first.Header("ETag")));

        Assert.AreEqual(200, first.Code);
        Assert.AreEqual("application/json", first.Header("Content-Type"));
        Assert.AreEqual(304, again.Code);
    }

    [TestMethod]
    public async Task O9_O11_O14_O25_O27_OpenApiV3_OfAUser_IsThatOfTheIndex()
    {
        JsonObject index = (await s_server.SendAsync("GET", "/openapi/v3")).Json;
        string path = (string)index["paths"]!["apis/example.com/v1"]!["serverRelativeURL"]!;
        Answer document = await s_server.SendAsync("GET", path);

        Assert.AreEqual("\"" + path.Split("hash=")[1] + "\"", document.Header("ETag"));
        StringAssert.StartsWith(document.Header("Vary"), "Accept,");
        Assert.AreNotEqual("", document.Header("Expires"));
        Assert.AreEqual("3.0.0", (string?)document.Json["openapi"]);
        Assert.IsNotNull(document.Json["info"]!["title"]);
        Assert.AreEqual("authorization", (string?)document.Json["components"]!["securitySchemes"]!["BearerToken"]!["name"]);
        Assert.IsNotNull(document.Json["paths"]!["/apis/example.com/v1/namespaces/{namespace}/widgets/{name}"], "where kubectl explain looks");
        Assert.IsNotNull(document.Json["paths"]!["/apis/example.com/v1/watch/namespaces/{namespace}/widgets/{name}"], "deprecated, and published upstream");
    }

    [TestMethod]
    public async Task D5_D9_D10_G6_AV1_AV2_AV3_WithoutItsDatabase_TheServerIsAvailableAndDiscovered_ButNotReadyForWrites()
    {
        await using WidgetServer server = await WidgetServer.StartAsync(api => api.Services.AddSingleton<IObjectStore>(new BrokenStore()));

        foreach (string path in new[] { "/apis/example.com/v1", "/apis", "/apis/example.com", "/openapi/v2", "/openapi/v3", "/openapi/v3/apis/example.com/v1", "/version", "/livez", "/healthz/ping" })
        {
            Assert.AreEqual(200, (await server.SendAsync("GET", path)).Code, path);
        }

        Answer list = await server.SendAsync("GET", WidgetServer.Widgets());
        Answer create = await server.SendAsync("POST", WidgetServer.Widgets(), WidgetServer.New("a"));
        Assert.AreEqual(503, list.Code);
        Assert.AreEqual("1", list.Header("Retry-After"), "clients repeat what says when (H2)");
        Assert.AreEqual(503, create.Code);
    }

    [TestMethod]
    public async Task Q1_Requests_AsTheProxyRewritesThem_AreUnderstood()
    {
        await s_server.CreateAsync(WidgetServer.New("q1", "blue"), "q1");
        (string, string)[] forwarded = [("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-Host", "kube"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Uri", "/apis/example.com/v1")];

        // The query comes sorted by key, the path decoded and encoded again.
        Answer list = await s_server.SendAsync("GET", WidgetServer.Widgets("q1") + "?fieldSelector=spec.color%3Dblue&labelSelector=%21absent&limit=5", headers: forwarded);
        Answer unknown = await s_server.SendAsync("GET", WidgetServer.Widgets("q1") + "?_=1&unknown=x", headers: forwarded);

        Assert.HasCount(1, list.Json["items"]!.AsArray());
        Assert.AreEqual(200, unknown.Code, "unknown parameters are ignored (V9)");
    }

    [TestMethod]
    public async Task Q8_O13_Answers_AreNeverRedirects()
    {
        foreach (string path in new[] { "/", "/apis/", "/apis/example.com/", "/apis/example.com/v1/", "/openapi/v3/apis/example.com/v1?hash=WRONG", "/openapi/v3/", WidgetServer.Widgets() + "/" })
        {
            Answer answer = await s_server.SendAsync("GET", path);
            Assert.IsFalse(answer.Code is >= 300 and < 400, $"{path}: {answer.Code}");
            Assert.AreEqual("", answer.Header("Location"));
        }
    }

    [TestMethod]
    public async Task Q9_Q12_Writes_ThatExpectContinue_AreTaken_AndAnswersHaveOneAuditId()
    {
        Answer answer = await s_server.SendAsync("POST", WidgetServer.Widgets("q9"), WidgetServer.New("q9"), headers: [("Expect", "100-continue"), ("Audit-ID", "kas")]);

        Assert.AreEqual(201, answer.Code);
        Assert.AreEqual("kas", answer.Header("Audit-ID"));
    }
}
