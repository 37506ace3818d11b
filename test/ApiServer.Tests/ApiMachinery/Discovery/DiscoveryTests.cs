using System.Text.Json.Nodes;

namespace AiModels.ApiServer.Tests.ApiMachinery.Discovery;

/// <summary>Discovery and OpenAPI over real sockets (contract sections 1 and 2).</summary>
[TestClass]
public sealed class DiscoveryTests
{
    private const string Aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    private static WidgetServer s_server = null!;

    [ClassInitialize]
    public static async Task StartAsync(TestContext context) => s_server = await WidgetServer.StartAsync(
        api => api.AddResource(WidgetServer.Gadget with { Group = "", Version = "v1", Kind = "Node", Plural = "nodes", Singular = "node" }));

    [ClassCleanup]
    public static async Task StopAsync() => await s_server.DisposeAsync();

    [TestMethod]
    public async Task D1_D3_D4_D11_D12_D13_D14_Apis_Aggregated_ListsResourcesWithAnETag()
    {
        Answer answer = await s_server.SendAsync("GET", "/apis", accept: Aggregated + "," + Aggregated.Replace("v=v2", "v=v2beta1", StringComparison.Ordinal));
        Answer again = await s_server.SendAsync("GET", "/apis", accept: Aggregated, headers: ("If-None-Match", answer.Header("ETag")));

        Assert.AreEqual(Aggregated, answer.Header("Content-Type"));
        StringAssert.Matches(answer.Header("ETag"), new("^\"[0-9A-F]{128}\"$"));
        Assert.AreEqual("Accept", answer.Header("Vary"));
        Assert.AreEqual(304, again.Code);
        Assert.AreEqual("apidiscovery.k8s.io/v2", (string?)answer.Json["apiVersion"]);
        JsonNode group = answer.Json["items"]!.AsArray().Single()!;
        Assert.AreEqual("example.com", (string?)group["metadata"]!["name"]);
        JsonNode version = group["versions"]![0]!;
        Assert.AreEqual("Current", (string?)version["freshness"]);
        JsonNode widgets = version["resources"]!.AsArray().Single(resource => (string?)resource!["resource"] == "widgets")!;
        Assert.AreEqual("Namespaced", (string?)widgets["scope"]);
        Assert.AreEqual("Widget", (string?)widgets["responseKind"]!["kind"]);
        Assert.AreEqual("wd", (string?)widgets["shortNames"]![0]);
        Assert.AreEqual("create,delete,deletecollection,get,list,patch,update,watch", string.Join(',', widgets["verbs"]!.AsArray()));
        Assert.AreEqual("status", (string?)widgets["subresources"]![0]!["subresource"]);
    }

    [TestMethod]
    public async Task D6_D18_D21_D22_D23_D24_D26_GroupVersion_Legacy_ListsResourcesAndSubresources()
    {
        Answer answer = await s_server.SendAsync("GET", "/apis/example.com/v1");

        Assert.AreEqual("no-cache, private", answer.Header("Cache-Control"));
        Assert.AreEqual("APIResourceList", (string?)answer.Json["kind"]);
        CollectionAssert.AreEqual(new[] { "gadgets", "widgets", "widgets/status" },
            answer.Json["resources"]!.AsArray().Select(resource => (string)resource!["name"]!).ToArray());
        JsonNode widgets = answer.Json["resources"]![1]!;
        Assert.AreEqual("widget", (string?)widgets["singularName"]);
        Assert.IsTrue((bool)widgets["namespaced"]!);
        Assert.AreEqual(12, ((string)widgets["storageVersionHash"]!).Length);
        Assert.AreEqual("", (string?)answer.Json["resources"]![2]!["singularName"]);
    }

    [TestMethod]
    public async Task D16_Apis_AskedForABetaOnly_Is406() =>
        Assert.AreEqual(406, (await s_server.SendAsync("GET", "/apis", accept: "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList")).Code);

    [TestMethod]
    public async Task D19_D20_Groups_Legacy_NameTheirPreferredVersion()
    {
        JsonObject list = (await s_server.SendAsync("GET", "/apis")).Json, group = (await s_server.SendAsync("GET", "/apis/example.com")).Json;
        JsonObject core = (await s_server.SendAsync("GET", "/api")).Json;

        Assert.AreEqual("example.com/v1", (string?)list["groups"]![0]!["preferredVersion"]!["groupVersion"]);
        Assert.AreEqual("APIGroup", (string?)group["kind"]);
        Assert.AreEqual("v1", (string?)core["versions"]![0]);
        Assert.AreEqual("nodes", (string?)(await s_server.SendAsync("GET", "/api/v1")).Json["resources"]![0]!["name"]);
        Assert.AreEqual("NodeList", (string?)(await s_server.SendAsync("GET", "/api/v1/nodes")).Json["kind"]);
    }

    [TestMethod]
    public async Task D28_E3_O10_UnknownPaths_GetThePathsOrAStatus()
    {
        Answer root = await s_server.SendAsync("GET", "/");
        Answer outside = await s_server.SendAsync("GET", "/apis/other.com/v1/things");
        Answer inside = await s_server.SendAsync("GET", "/apis/example.com/v1/namespaces/default/things");

        CollectionAssert.IsSubsetOf(new[] { "/api/v1", "/apis/example.com/v1", "/version" }, root.Json["paths"]!.AsArray().Select(path => (string)path!).ToArray());
        Assert.AreEqual(404, outside.Code);
        Assert.IsNotNull(outside.Json["paths"]);
        Assert.AreEqual(404, inside.Code);
        Assert.AreEqual("the server could not find the requested resource", inside.Message);
    }

    [TestMethod]
    public async Task O3_O9_O13_O14_OpenApi_IsPublishedWithItsHash()
    {
        Answer v2 = await s_server.SendAsync("GET", "/openapi/v2");
        Answer index = await s_server.SendAsync("GET", "/openapi/v3");
        string path = (string)index.Json["paths"]!["apis/example.com/v1"]!["serverRelativeURL"]!;
        Answer pinned = await s_server.SendAsync("GET", path), wrong = await s_server.SendAsync("GET", "/openapi/v3/apis/example.com/v1?hash=0");

        Assert.AreEqual("2.0", (string?)v2.Json["swagger"]);
        StringAssert.Matches(v2.Header("ETag"), new("^\"[0-9A-F]{128}\"$"));
        Assert.AreEqual(200, pinned.Code);
        Assert.AreEqual("public, immutable", pinned.Header("Cache-Control"));
        Assert.AreEqual(200, wrong.Code, "never a redirect");
        Assert.AreEqual("no-cache, private", wrong.Header("Cache-Control"));
        Assert.AreEqual(404, (await s_server.SendAsync("GET", "/openapi/v3/apis/other.com/v1")).Code);
        Assert.AreEqual(406, (await s_server.SendAsync("GET", "/openapi/v2", accept: "application/com.github.proto-openapi.spec.v2.v1.0+protobuf")).Code);
    }

    [TestMethod]
    public async Task H7_Version_IsThatOfAServer() =>
        Assert.AreEqual("1", (string?)(await s_server.SendAsync("GET", "/version")).Json["major"]);
}
