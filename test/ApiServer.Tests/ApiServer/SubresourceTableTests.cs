using System.Net.Http.Headers;
using System.Text.Json.Nodes;

namespace AiModels.ApiServer.Tests.ApiServer;

/// <summary>What kubectl get --subresource prints, and the other forms that subresources answer in.</summary>
[TestClass]
public sealed class SubresourceTableTests
{
    private const string Table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
    private static RunningServer _server = null!;

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Cancelled => TestContext.CancellationToken;

    [ClassInitialize]
    public static async Task StartAsync(TestContext _) => _server = await RunningServer.StartAsync();

    [ClassCleanup]
    public static async Task StopAsync() => await _server.DisposeAsync();

    [TestMethod]
    public async Task Progress_AsATable_HasARowForTheModelAndEachConsumer()
    {
        await _server.CreateModelAsync("p", """{"upload":{}}""", Cancelled);
        await _server.SendAsync(
            HttpMethod.Put, RunningServer.ModelPath("p", "progress"),
            """
            {"stage":"Receive","progress":"38%","bytesExpected":4294967296,"bytesReceived":1811939328,"bytesStored":1000000,"bytesPerSecond":104857600,"secondsRemaining":24,
             "layers":[{"path":"a","state":"Stored"},{"path":"b","state":"Receiving"}],
             "consumers":[{"name":"node/n1","state":"Downloading","bytesExpected":100,"bytesReceived":50,"message":"slow"}]}
            """, Cancelled);

        JsonObject table = JsonNode.Parse(await GetAsync("p", "progress", Table))!.AsObject();

        Assert.AreEqual("Table", (string?)table["kind"]);
        CollectionAssert.AreEqual(
            new[] { "Name", "Stage", "Progress", "Received", "Expected", "Rate", "ETA", "Reported", "Stored", "Files", "Message" },
            table["columnDefinitions"]!.AsArray().Select(column => (string)column!["name"]!).ToArray());
        Assert.AreEqual("p|Receive|38%|1.7Gi|4Gi|100Mi/s|24s|*|977Ki|1/2|", Row(table, 0));
        Assert.AreEqual("node/n1|Downloading|50%|50|100||||||slow", Row(table, 1));
        Assert.AreEqual("p", (string?)table["rows"]![1]!["object"]!["metadata"]!["name"]);
    }

    [TestMethod]
    public async Task Upload_AsATable_TellsStateAndExpiry()
    {
        await _server.CreateModelAsync("u", """{"upload":{}}""", Cancelled);
        await _server.OpenSessionAsync("u", Cancelled, """{"spec":{"fileName":"u.gguf","lengthBytes":2048}}""");

        JsonObject table = JsonNode.Parse(await GetAsync("u", "upload", Table))!.AsObject();

        StringAssert.StartsWith(Row(table, 0), "u|Waiting|0%|0|2Ki|u.gguf|in 29m");
        Assert.IsFalse(table.ToJsonString().Contains("aimu-", StringComparison.Ordinal), "the token is shown to nobody but its creator");
    }

    [TestMethod]
    public async Task Status_AsATable_IsTheModelsOwn()
    {
        await _server.CreateModelAsync("s", """{"upload":{}}""", Cancelled);

        JsonObject table = JsonNode.Parse(await GetAsync("s", "status", Table))!.AsObject();

        Assert.AreEqual("Phase", (string?)table["columnDefinitions"]![1]!["name"]);
    }

    [TestMethod]
    public async Task Progress_AsYaml_IsYaml()
    {
        await _server.CreateModelAsync("y", """{"upload":{}}""", Cancelled);

        StringAssert.Contains(await GetAsync("y", "progress", "application/yaml"), "\nkind: ModelProgress\n");
    }

    private async Task<string> GetAsync(string model, string subresource, string accept)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, RunningServer.ModelPath(model, subresource));
        request.Headers.TryAddWithoutValidation("Accept", accept);
        using HttpResponseMessage answer = await _server.Admin.SendAsync(request, Cancelled);
        string body = await answer.Content.ReadAsStringAsync(Cancelled);
        Assert.IsTrue(answer.IsSuccessStatusCode, body);
        Assert.AreEqual(new MediaTypeHeaderValue(accept.StartsWith("application/yaml", StringComparison.Ordinal) ? "application/yaml" : "application/json").MediaType, answer.Content.Headers.ContentType!.MediaType);
        return body;
    }

    // Ages change while one looks.
    private static string Row(JsonObject table, int row) => string.Join('|', table["rows"]![row]!["cells"]!.AsArray()
        .Select((cell, i) => (string?)table["columnDefinitions"]![i]!["name"] == "Reported" && cell is not null ? "*" : cell?.ToString()));
}
