using System.Net;
using System.Text.Json.Nodes;

namespace AiModels.ApiServer.Tests.ApiServer;

/// <summary>The kinds' own rules, over the wire.</summary>
[TestClass]
public sealed class ModelTests
{
    private const string Models = "/apis/ai.deckhouse.io/v1alpha1/namespaces/team-a/models";
    private const string ClusterModels = "/apis/ai.deckhouse.io/v1alpha1/clustermodels";
    private const string Catalogs = "/apis/ai.deckhouse.io/v1alpha1/modelcatalogsources";
    private static RunningServer _server = null!;

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Cancelled => TestContext.CancellationToken;

    [ClassInitialize]
    public static async Task StartAsync(TestContext _) => _server = await RunningServer.StartAsync();

    [ClassCleanup]
    public static async Task StopAsync() => await _server.DisposeAsync();

    [TestMethod]
    [DataRow("models", "Model", "namespaces/team-a/")]
    [DataRow("clustermodels", "ClusterModel", "")]
    [DataRow("modelcatalogsources", "ModelCatalogSource", "")]
    public async Task Create_WithASpecThatIsNoObject_NamesTheField(string plural, string kind, string scope)
    {
        (HttpStatusCode code, JsonObject status) = await _server.SendAsync(
            HttpMethod.Post, $"/apis/ai.deckhouse.io/v1alpha1/{scope}{plural}",
            $$$"""{"apiVersion":"ai.deckhouse.io/v1alpha1","kind":"{{{kind}}}","metadata":{"name":"listed"},"spec":[]}""", TestContext.CancellationToken);

        Assert.AreEqual(HttpStatusCode.UnprocessableEntity, code, status.ToJsonString());
        StringAssert.Contains((string)status["message"]!, "spec in body must be of type object");
    }

    [TestMethod]
    public async Task Create_WithTwoSources_ReportsBothFields()
    {
        JsonObject status = await RefusedAsync(Models, RunningServer.Model("two", """{"upload":{},"catalog":{"name":"x"}}"""));

        CollectionAssert.AreEquivalent(new[] { "spec.source.upload", "spec.source.catalog" }, Fields(status));
        StringAssert.Contains((string)status["message"]!, "spec.source.upload: Forbidden: exactly one of url, upload and catalog may be set, and catalog is set too");
    }

    [TestMethod]
    public async Task Create_WithoutSource_ReportsTheField()
    {
        JsonObject status = await RefusedAsync(Models, RunningServer.Model("none", "{}"));

        CollectionAssert.AreEqual(new[] { "spec.source" }, Fields(status));
    }

    [TestMethod]
    [DataRow("""{"url":"http://huggingface.co/a/b"}""", "spec.source.url")]
    [DataRow("""{"url":"https://example.com/a"}""", "spec.source.url")]
    [DataRow("""{"catalog":{"name":"Upper"}}""", "spec.source.catalog.name")]
    [DataRow("""{"url":"https://ollama.com/library/qwen3:8b","authSecretRef":{"name":"s"}}""", "spec.source.authSecretRef")]
    [DataRow("""{"upload":{},"authSecretRef":{"name":"s"}}""", "spec.source.authSecretRef")]
    [DataRow("""{"url":"https://huggingface.co/a/b","authSecretRef":{"name":""}}""", "spec.source.authSecretRef.name")]
    public async Task Create_WithABadSource_NamesTheField(string source, string field)
    {
        JsonObject status = await RefusedAsync(Models, RunningServer.Model("bad", source));

        CollectionAssert.Contains(Fields(status), field);
    }

    [TestMethod]
    [DataRow("""{"url":"https://huggingface.co/BAAI/bge-m3","authSecretRef":{"name":"hub"}}""")]
    [DataRow("""{"url":"https://www.ollama.com/library/qwen3:8b"}""")]
    [DataRow("""{"catalog":{"name":"llama","sourceName":"main","version":"v2"}}""")]
    public async Task Create_WithAGoodSource_IsAccepted(string source)
    {
        (HttpStatusCode code, JsonObject body) = await _server.SendAsync(
            HttpMethod.Post, Models, RunningServer.Model("g-" + Guid.NewGuid().ToString("N"), source), Cancelled);

        Assert.AreEqual(HttpStatusCode.Created, code, body.ToJsonString());
    }

    [TestMethod]
    public async Task Create_PutsTheCleanupFinalizerOn_AndDropsStatus()
    {
        (_, JsonObject model) = await _server.SendAsync(
            HttpMethod.Post, ClusterModels,
            """{"apiVersion":"ai.deckhouse.io/v1alpha1","kind":"ClusterModel","metadata":{"name":"fin"},"spec":{"source":{"upload":{}}},"status":{"phase":"Ready"}}""", Cancelled);

        Assert.AreEqual("ai.deckhouse.io/cleanup", (string?)model["metadata"]!["finalizers"]![0]);
        Assert.IsNull(model["status"]);
    }

    [TestMethod]
    public async Task Update_OfTheSpec_IsRefusedAsImmutable()
    {
        await _server.CreateModelAsync("fixed", """{"url":"https://huggingface.co/a/b"}""", Cancelled);
        (_, JsonObject model) = await _server.SendAsync(HttpMethod.Get, Models + "/fixed", null, Cancelled);
        model["spec"]!["source"]!["url"] = "https://huggingface.co/a/c";

        (HttpStatusCode code, JsonObject status) = await _server.SendAsync(HttpMethod.Put, Models + "/fixed", model.ToJsonString(), Cancelled);

        Assert.AreEqual(HttpStatusCode.UnprocessableEntity, code);
        CollectionAssert.AreEqual(new[] { "spec" }, Fields(status));
        StringAssert.EndsWith((string)status["message"]!, ": field is immutable");
    }

    [TestMethod]
    public async Task ClusterModel_HasNoAuthSecretRef()
    {
        const string source = """{"url":"https://huggingface.co/a/b","authSecretRef":{"name":"s"}}""";
        (HttpStatusCode strict, JsonObject status) = await _server.SendAsync(
            HttpMethod.Post, ClusterModels + "?fieldValidation=Strict", RunningServer.Model("strict", source, "ClusterModel"), Cancelled);
        (HttpStatusCode lenient, JsonObject dropped) = await _server.SendAsync(
            HttpMethod.Post, ClusterModels + "?fieldValidation=Ignore", RunningServer.Model("lenient", source, "ClusterModel"), Cancelled);

        Assert.AreEqual(HttpStatusCode.BadRequest, strict);
        StringAssert.Contains((string)status["message"]!, "unknown field \"spec.source.authSecretRef\"");
        Assert.AreEqual(HttpStatusCode.Created, lenient);
        Assert.IsNull(dropped["spec"]!["source"]!["authSecretRef"]);
    }

    [TestMethod]
    public async Task Status_WithAnUnknownPhase_IsRefused()
    {
        JsonObject model = await _server.CreateModelAsync("phases", """{"upload":{}}""", Cancelled);
        model["status"] = new JsonObject { ["phase"] = "Sleeping" };

        (HttpStatusCode code, JsonObject status) = await _server.SendAsync(HttpMethod.Put, Models + "/phases/status", model.ToJsonString(), Cancelled);

        Assert.AreEqual(HttpStatusCode.UnprocessableEntity, code);
        CollectionAssert.AreEqual(new[] { "status.phase" }, Fields(status));
    }

    [TestMethod]
    public async Task CatalogSource_ChecksItsInterval_AndMayChange()
    {
        static string Catalog(string interval, string version = "") =>
            $$$"""{"apiVersion":"ai.deckhouse.io/v1alpha1","kind":"ModelCatalogSource","metadata":{"name":"main"{{{version}}}},"spec":{"url":"https://catalog.example.com","credentialsSecretName":"reader","refreshInterval":"{{{interval}}}"}}""";

        JsonObject status = await RefusedAsync(Catalogs, Catalog("1s"));
        CollectionAssert.AreEqual(new[] { "spec.refreshInterval" }, Fields(status));
        (HttpStatusCode created, JsonObject source) = await _server.SendAsync(HttpMethod.Post, Catalogs, Catalog("10m"), Cancelled);
        Assert.AreEqual(HttpStatusCode.Created, created, source.ToJsonString());
        string version = $$""","resourceVersion":"{{source["metadata"]!["resourceVersion"]}}" """;
        (HttpStatusCode changed, JsonObject after) = await _server.SendAsync(HttpMethod.Put, Catalogs + "/main", Catalog("1h30m", version), Cancelled);
        Assert.AreEqual(HttpStatusCode.OK, changed, after.ToJsonString());
        Assert.AreEqual(2L, (long)after["metadata"]!["generation"]!);
    }

    [TestMethod]
    public async Task Table_ShowsStateFirst_AndMoreWhenWide()
    {
        JsonObject model = await _server.CreateModelAsync("table", """{"url":"https://huggingface.co/a/b"}""", Cancelled);
        model["status"] = JsonNode.Parse(
            """
            {"phase":"Ready","progress":"100%","artifact":{"digest":"sha256:0123456789abcdef","kind":"OCI","mediaType":"application/x","sizeBytes":4724464025},
             "source":{"resolvedType":"HuggingFace"},
             "resolved":{"format":"Safetensors","family":"qwen2","parameterCount":7615616512,"quantization":"awq","contextWindowTokens":32768}}
            """);
        (HttpStatusCode code, JsonObject stored) = await _server.SendAsync(HttpMethod.Put, Models + "/table/status", model.ToJsonString(), Cancelled);
        Assert.AreEqual(HttpStatusCode.OK, code, stored.ToJsonString());

        using var request = new HttpRequestMessage(HttpMethod.Get, Models + "/table");
        request.Headers.Add("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
        using HttpResponseMessage response = await _server.Admin.SendAsync(request, Cancelled);
        JsonNode table = JsonNode.Parse(await response.Content.ReadAsStringAsync(Cancelled))!;

        var columns = table["columnDefinitions"]!.AsArray();
        CollectionAssert.AreEqual(new[] { "Name", "Phase", "Progress", "Format", "Size", "Age" }, Names(columns, 0));
        CollectionAssert.AreEqual(new[] { "Family", "Parameters", "Quantization", "Context", "Source", "Digest" }, Names(columns, 1));
        string[] cells = [.. table["rows"]![0]!["cells"]!.AsArray().Select(cell => cell!.ToString())];
        CollectionAssert.AreEqual(new[] { "table", "Ready", "100%", "Safetensors", "4.4Gi" }, cells[..5]);
        CollectionAssert.AreEqual(new[] { "qwen2", "7.6B", "awq", "32768", "HuggingFace", "sha256:0123456789ab" }, cells[6..]);
    }

    private static string[] Names(JsonArray columns, int priority) =>
        [.. columns.Where(column => (int)column!["priority"]! == priority).Select(column => (string)column!["name"]!)];

    private async Task<JsonObject> RefusedAsync(string path, string body)
    {
        (HttpStatusCode code, JsonObject status) = await _server.SendAsync(HttpMethod.Post, path, body, Cancelled);
        Assert.AreEqual(HttpStatusCode.UnprocessableEntity, code, status.ToJsonString());
        return status;
    }

    private static string[] Fields(JsonObject status) => [.. status["details"]!["causes"]!.AsArray().Select(cause => (string)cause!["field"]!)];
}
