using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.OpenApi;
using AiModels.ApiMachinery.Resources;

namespace AiModels.ApiServer.Tests.ApiMachinery.Contract;

/// <summary>Discovery and OpenAPI documents, member for member (contract sections 1 and 2).</summary>
[TestClass]
public sealed class DocumentTests
{
    private const string Aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    private const string Protobuf2 = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf", Protobuf3 = "application/com.github.proto-openapi.spec.v3.v1.0+protobuf";
    private const string AllVerbs = """["create","delete","deletecollection","get","list","patch","update","watch"]""";
    private const string Widgets = "/apis/example.com/v1/namespaces/{namespace}/widgets";
    private static readonly string[] s_list =
        ["allowWatchBookmarks", "continue", "fieldSelector", "labelSelector", "limit", "pretty", "resourceVersion", "resourceVersionMatch", "sendInitialEvents", "timeoutSeconds", "watch"];

    private static readonly string[] s_delete =
        ["dryRun", "gracePeriodSeconds", "ignoreStoreReadErrorWithClusterBreakingPotential", "orphanDependents", "pretty", "propagationPolicy"];

    private static readonly string[] s_write = ["dryRun", "fieldManager", "fieldValidation", "pretty"];
    private static WidgetServer s_server = null!;

    [ClassInitialize]
    public static async Task StartAsync(TestContext context) => s_server = await WidgetServer.StartAsync();

    [ClassCleanup]
    public static async Task StopAsync() => await s_server.DisposeAsync();

    [TestMethod]
    public async Task D13_D14_Aggregated_IsThisDocument()
    {
        JsonNode expected = JsonNode.Parse($$"""
            {"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","metadata":{},"items":[{"metadata":{"name":"example.com","creationTimestamp":null},"versions":[
              {"version":"v1","freshness":"Current","resources":[
                {"resource":"gadgets","responseKind":{"group":"example.com","version":"v1","kind":"Gadget"},"scope":"Cluster","singularResource":"gadget","verbs":{{AllVerbs}},"categories":["all"]},
                {"resource":"widgets","responseKind":{"group":"example.com","version":"v1","kind":"Widget"},"scope":"Namespaced","singularResource":"widget","verbs":{{AllVerbs}},
                 "shortNames":["wd"],"categories":["all"],
                 "subresources":[{"subresource":"status","responseKind":{"group":"example.com","version":"v1","kind":"Widget"},"verbs":["get","patch","update"]}]}]}]}]}
            """)!;

        Answer answer = await s_server.SendAsync("GET", "/apis", accept: Aggregated);

        Assert.IsTrue(JsonNode.DeepEquals(expected, answer.Json), answer.Text);
    }

    [TestMethod]
    public async Task D18_D21_D22_D23_D24_Legacy_IsThisDocument_InThisOrder()
    {
        string expected = $$"""
            {"kind":"APIResourceList","apiVersion":"v1","groupVersion":"example.com/v1","resources":[
            {"name":"gadgets","singularName":"gadget","namespaced":false,"kind":"Gadget","verbs":{{AllVerbs}},"categories":["all"],"storageVersionHash":"{{HashOf("Gadget")}}"},
            {"name":"widgets","singularName":"widget","namespaced":true,"kind":"Widget","verbs":{{AllVerbs}},"shortNames":["wd"],"categories":["all"],"storageVersionHash":"{{HashOf("Widget")}}"},
            {"name":"widgets/status","singularName":"","namespaced":true,"kind":"Widget","verbs":["get","patch","update"]}]}
            """.ReplaceLineEndings("");

        Assert.AreEqual(expected, (await s_server.SendAsync("GET", "/apis/example.com/v1")).Text.TrimEnd().Replace("\\u002B", "+", StringComparison.Ordinal));

        static string HashOf(string kind) => Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes("example.com/v1/" + kind)).AsSpan(0, 8));
    }

    [TestMethod]
    public async Task D19_D20_Groups_AreTheseDocuments()
    {
        const string Version = """{"groupVersion":"example.com/v1","version":"v1"}""";
        JsonObject group = (await s_server.SendAsync("GET", "/apis/example.com")).Json, list = (await s_server.SendAsync("GET", "/apis")).Json;
        JsonNode listed = list["groups"]!.AsArray().Single()!;

        Assert.AreEqual("APIGroupList", (string?)list["kind"]);
        foreach (JsonNode document in new[] { group, listed })
        {
            Assert.AreEqual("example.com", (string?)document["name"]);
            Assert.AreEqual($"[{Version}]", document["versions"]!.ToJsonString());
            Assert.AreEqual(Version, document["preferredVersion"]!.ToJsonString());
        }

        Assert.AreEqual(("APIGroup", "v1"), ((string?)group["kind"], (string?)group["apiVersion"]));
        Assert.AreEqual("0.0.0.0/0", (string?)listed["serverAddressByClientCIDRs"]![0]!["clientCIDR"]);
        Assert.AreEqual(s_server.Address.Authority, (string?)listed["serverAddressByClientCIDRs"]![0]!["serverAddress"]);
    }

    [TestMethod]
    public async Task D17_CoreGroup_ThatIsNotServed_Is404() => Assert.AreEqual(404, (await s_server.SendAsync("GET", "/api")).Code);

    [TestMethod]
    public async Task D26_EverythingButAggregatedDiscovery_IsNotToBeCached()
    {
        string[] paths =
        [
            "/", "/apis", "/apis/example.com", "/apis/example.com/v1", "/openapi/v2", "/openapi/v3", "/openapi/v3/apis/example.com/v1", "/version", "/livez", "/nowhere",
            WidgetServer.Widgets(), WidgetServer.Widgets() + "?watch=1&timeoutSeconds=1", WidgetServer.Widgets() + "/none",
        ];
        foreach (string path in paths)
        {
            Assert.AreEqual("no-cache, private", (await s_server.SendAsync("GET", path)).Header("Cache-Control"), path);
        }

        Assert.AreEqual("no-cache, private", (await s_server.SendAsync("POST", WidgetServer.Widgets() + "?dryRun=All", WidgetServer.New("d26"))).Header("Cache-Control"));
    }

    [TestMethod]
    public async Task D28_Root_Index_AndUnknownPaths_AreTheSameSortedList()
    {
        Answer root = await s_server.SendAsync("GET", "/"), index = await s_server.SendAsync("GET", "/index.html"), unknown = await s_server.SendAsync("GET", "/no/such/path");
        string[] paths = [.. root.Json["paths"]!.AsArray().Select(path => (string)path!)];

        Assert.AreEqual((200, 200, 404), (root.Code, index.Code, unknown.Code));
        Assert.AreEqual(root.Text, index.Text);
        Assert.AreEqual(root.Text, unknown.Text);
        CollectionAssert.AreEqual(paths.Order(StringComparer.Ordinal).ToArray(), paths);
        CollectionAssert.IsSubsetOf(new[] { "/apis", "/apis/example.com", "/apis/example.com/v1", "/healthz", "/livez", "/readyz", "/openapi/v2", "/openapi/v3", "/version" }, paths);
    }

    [TestMethod]
    public async Task O4_O5_O6_O7_V2_PublishesOnlyPathsBelowOurVersion_AndEachKindOnce()
    {
        JsonObject document = (await s_server.SendAsync("GET", "/openapi/v2")).Json;
        string[] kinds = [.. document["definitions"]!.AsObject().SelectMany(definition => definition.Value!["x-kubernetes-group-version-kind"] as JsonArray ?? []).Select(kind => kind!.ToJsonString())];

        foreach ((string path, _) in document["paths"]!.AsObject())
        {
            StringAssert.StartsWith(path, "/apis/example.com/v1/", "nobody else's server publishes a path of ours, so that no order decides");
        }

        CollectionAssert.AllItemsAreUnique(kinds);
        CollectionAssert.Contains(kinds, """{"group":"example.com","version":"v1","kind":"Widget"}""");
    }

    [TestMethod]
    public async Task O8_O15_O16_OpenApi_IsJson_AndAProtobufRequestIs406_ButForTheIndex()
    {
        string v3 = (string)(await s_server.SendAsync("GET", "/openapi/v3")).Json["paths"]!["apis/example.com/v1"]!["serverRelativeURL"]!;
        Answer gzip = await s_server.SendAsync("GET", "/openapi/v2", headers: ("Accept-Encoding", "gzip"));

        Assert.AreEqual(406, (await s_server.SendAsync("GET", "/openapi/v2", accept: Protobuf2)).Code);
        Assert.AreEqual(406, (await s_server.SendAsync("GET", v3, accept: Protobuf3)).Code);
        Assert.AreEqual("application/json", (await s_server.SendAsync("GET", v3, accept: Protobuf3 + ", application/json")).Header("Content-Type"));
        Assert.AreEqual(404, (await s_server.SendAsync("GET", "/openapi/v3/apis/example.com/v9")).Code);
        Assert.AreEqual("gzip", gzip.Header("Content-Encoding"));
        StringAssert.Contains(gzip.Header("Vary"), "Accept");
        Answer index = await s_server.SendAsync("GET", "/openapi/v3", accept: Protobuf3);
        Assert.AreEqual((200, "application/json"), (index.Code, index.Header("Content-Type")), "the index has one form, whatever is asked for");
    }

    [TestMethod]
    public async Task O14_V3_IsImmutableForAYear_ByItsHashOnly()
    {
        string path = (string)(await s_server.SendAsync("GET", "/openapi/v3")).Json["paths"]!["apis/example.com/v1"]!["serverRelativeURL"]!;

        Answer pinned = await s_server.SendAsync("GET", path);
        DateTimeOffset expires = DateTimeOffset.ParseExact(pinned.Header("Expires"), "r", CultureInfo.InvariantCulture);
        Answer plain = await s_server.SendAsync("GET", path.Split('?')[0]);

        Assert.AreEqual("public, immutable", pinned.Header("Cache-Control"));
        Assert.IsTrue(expires > TimeProvider.System.GetUtcNow().AddDays(363) && expires < TimeProvider.System.GetUtcNow().AddDays(367), pinned.Header("Expires"));
        Assert.AreEqual(("no-cache, private", ""), (plain.Header("Cache-Control"), plain.Header("Expires")));
        Assert.AreEqual(pinned.Text, plain.Text);
    }

    [TestMethod]
    public async Task O17_O23_EveryOperation_TellsItsKindActionAndParameters()
    {
        JsonObject document = (await s_server.SendAsync("GET", "/openapi/v3/apis/example.com/v1")).Json;
        int operations = 0;
        foreach ((string path, string method, JsonNode operation) in Operations(document).Where(found => found.Path != "/apis/example.com/v1/"))
        {
            operations++;
            string kind = path.Contains("/gadgets", StringComparison.Ordinal) ? "Gadget" : "Widget";
            Assert.AreEqual($$"""{"group":"example.com","version":"v1","kind":"{{kind}}"}""", operation["x-kubernetes-group-version-kind"]?.ToJsonString(), $"{method} {path}");
            Assert.AreEqual(ActionOf(path, method), (string?)operation["x-kubernetes-action"], $"{method} {path}");
            CollectionAssert.AreEquivalent(ParametersOf(path, method), QueryOf(document, path, operation), $"{method} {path}");
        }

        const int Widgets = 3 + 4 + 3 + 1 + 3, Gadgets = 3 + 4 + 2; // The collection, one object, its status, all namespaces, the deprecated watches.
        Assert.AreEqual(Widgets + Gadgets, operations);
    }

    [TestMethod]
    public async Task O24_OperationIds_FollowTheScheme()
    {
        JsonObject document = (await s_server.SendAsync("GET", "/openapi/v3/apis/example.com/v1")).Json;
        string[] ids = [.. Operations(document).Where(found => found.Path.StartsWith(Widgets, StringComparison.Ordinal)).Select(found => (string)found.Operation["operationId"]!)];

        CollectionAssert.AreEquivalent(
            new[]
            {
                "listExampleComV1NamespacedWidget", "createExampleComV1NamespacedWidget", "deleteExampleComV1CollectionNamespacedWidget", "readExampleComV1NamespacedWidget",
                "replaceExampleComV1NamespacedWidget", "patchExampleComV1NamespacedWidget", "deleteExampleComV1NamespacedWidget", "readExampleComV1NamespacedWidgetStatus",
                "replaceExampleComV1NamespacedWidgetStatus", "patchExampleComV1NamespacedWidgetStatus",
            },
            ids);
    }

    [TestMethod]
    public void O22_MergeRules_AreInBothDocuments()
    {
        ResourceDefinition widget = Apply.Widgets.Definition;
        JsonNode v2 = JsonNode.Parse(OpenApiV2Document.Build("t", [widget]).Utf8.Span)!["definitions"]!["com.example.v1.Widget"]!;
        JsonNode v3 = JsonNode.Parse(OpenApiV3Documents.Build("t", [widget]).Documents["apis/example.com/v1"].Utf8.Span)!["components"]!["schemas"]!["com.example.v1.Widget"]!;

        foreach (JsonNode schema in new[] { v2, v3 })
        {
            JsonNode spec = schema["properties"]!["spec"]!["properties"]!;
            Assert.AreEqual(("map", """["port","protocol"]"""), ((string?)spec["ports"]!["x-kubernetes-list-type"], spec["ports"]!["x-kubernetes-list-map-keys"]!.ToJsonString()));
            Assert.AreEqual("set", (string?)spec["tags"]!["x-kubernetes-list-type"]);
            Assert.AreEqual("atomic", (string?)spec["args"]!["x-kubernetes-list-type"] ?? "atomic", "atomic is what a list without the word is");
            Assert.AreEqual("atomic", (string?)spec["selector"]!["x-kubernetes-map-type"]);
            Assert.IsTrue((bool)spec["config"]!["x-kubernetes-preserve-unknown-fields"]!);
            Assert.IsTrue((bool)spec["limit"]!["x-kubernetes-int-or-string"]!);
        }
    }

    [TestMethod]
    public async Task O26_V3_HasOnlyWordsThatSurviveARoundTrip()
    {
        string[] known =
        [
            "description", "type", "format", "properties", "required", "items", "additionalProperties", "default", "enum", "maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum",
            "maxLength", "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "maxProperties", "minProperties", "multipleOf", "allOf", "oneOf", "anyOf", "not", "nullable", "$ref", "title", "example",
        ];
        JsonObject document = (await s_server.SendAsync("GET", "/openapi/v3/apis/example.com/v1")).Json;

        foreach ((string name, JsonNode? schema) in document["components"]!["schemas"]!.AsObject())
        {
            Check(name, schema!.AsObject());
        }

        void Check(string at, JsonObject schema)
        {
            foreach ((string word, JsonNode? value) in schema)
            {
                Assert.IsTrue(known.Contains(word) || word.StartsWith("x-", StringComparison.Ordinal), $"{at}: {word}");
            }

            Assert.IsTrue(schema["type"] is null or JsonValue, $"{at}: type is one word");
            Assert.IsTrue(schema["$ref"] is null || schema.All(member => member.Key is "$ref" or "description" or "default"), $"{at}: $ref with others beside it");
            foreach ((string name, JsonNode? property) in schema["properties"] as JsonObject ?? [])
            {
                Check($"{at}.{name}", property!.AsObject());
            }

            foreach (JsonNode? inner in new[] { schema["items"], schema["additionalProperties"] }.Concat(schema["allOf"] as JsonArray ?? []))
            {
                if (inner is JsonObject sub)
                {
                    Check(at + "[]", sub);
                }
            }
        }
    }

    [TestMethod]
    public async Task O27_V3_SaysHowToAuthenticate()
    {
        JsonObject document = (await s_server.SendAsync("GET", "/openapi/v3/apis/example.com/v1")).Json;
        JsonNode scheme = document["components"]!["securitySchemes"]!["BearerToken"]!;

        Assert.AreEqual(("apiKey", "authorization", "header"), ((string?)scheme["type"], (string?)scheme["name"], (string?)scheme["in"]));
        Assert.AreNotEqual("", (string?)scheme["description"] ?? "");
        Assert.AreNotEqual("", (string?)document["info"]!["version"] ?? "");
    }

    [TestMethod]
    public async Task H7_Version_HasUpstreamsMembers()
    {
        JsonObject version = (await s_server.SendAsync("GET", "/version")).Json;

        foreach (string member in new[] { "major", "minor", "gitVersion", "gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler", "platform" })
        {
            Assert.IsInstanceOfType<JsonValue>(version[member], member);
        }
    }

    [TestMethod]
    [DataRow("/debug/pprof")]
    [DataRow("/debug/flags")]
    [DataRow("/statusz")]
    [DataRow("/flagz")]
    public async Task H8_OptionalPages_AreNotServed(string path) => Assert.AreEqual(404, (await s_server.SendAsync("GET", path)).Code);

    private static IEnumerable<(string Path, string Method, JsonNode Operation)> Operations(JsonObject document) =>
        from path in document["paths"]!.AsObject()
        from operation in path.Value!.AsObject()
        where operation.Key is "get" or "post" or "put" or "patch" or "delete"
        select (path.Key, operation.Key, operation.Value);

    private static bool IsOne(string path) => path.EndsWith("/{name}", StringComparison.Ordinal) || path.EndsWith("/status", StringComparison.Ordinal);

    private static string ActionOf(string path, string method) => (method, path.Contains("/v1/watch/", StringComparison.Ordinal), IsOne(path)) switch
    {
        ("get", true, true) => "watch",
        ("get", true, false) => "watchlist",
        ("get", _, true) => "get",
        ("get", _, false) => "list",
        ("delete", _, false) => "deletecollection",
        _ => method,
    };

    private static string[] ParametersOf(string path, string method) => (method, ActionOf(path, method)) switch
    {
        (_, "list" or "watch" or "watchlist") => s_list,
        (_, "get") => ["pretty"],
        (_, "deletecollection") => [.. s_delete.Union(s_list).Except(["allowWatchBookmarks", "watch"])],
        ("delete", _) => s_delete,
        ("patch", _) => [.. s_write, "force"],
        _ => s_write,
    };

    private static string[] QueryOf(JsonObject document, string path, JsonNode operation) =>
    [
        .. (operation["parameters"] as JsonArray ?? []).Concat(document["paths"]![path]!["parameters"] as JsonArray ?? [])
            .Select(parameter => (string?)parameter!["$ref"] is { } reference ? document["components"]!["parameters"]![reference["#/components/parameters/".Length..]]! : parameter)
            .Where(parameter => (string?)parameter["in"] == "query").Select(parameter => (string)parameter["name"]!),
    ];
}
