using System.Net;
using System.Text.Json.Nodes;

namespace AiModels.ApiServer.Tests.ApiServer;

/// <summary>Live progress and registry grants, over the wire.</summary>
[TestClass]
public sealed class ProgressTests
{
    private static RunningServer _server = null!;

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Cancelled => TestContext.CancellationToken;

    [ClassInitialize]
    public static async Task StartAsync(TestContext _) => _server = await RunningServer.StartAsync();

    [ClassCleanup]
    public static async Task StopAsync() => await _server.DisposeAsync();

    [TestMethod]
    public async Task Get_WithoutReports_TellsTheStatus()
    {
        JsonObject model = await _server.CreateModelAsync("quiet", """{"upload":{}}""", Cancelled);
        model["status"] = new JsonObject { ["phase"] = "Publishing", ["progress"] = "42%" };
        await _server.SendAsync(HttpMethod.Put, RunningServer.ModelPath("quiet", "status"), model.ToJsonString(), Cancelled);

        (_, JsonObject progress) = await _server.SendAsync(HttpMethod.Get, RunningServer.ModelPath("quiet", "progress"), null, Cancelled);

        Assert.AreEqual("ModelProgress", (string?)progress["kind"]);
        Assert.AreEqual("quiet", (string?)progress["metadata"]!["name"]);
        Assert.AreEqual("Publishing", (string?)progress["stage"]);
        Assert.AreEqual("42%", (string?)progress["progress"]);
    }

    [TestMethod]
    [DataRow("Ready", "100%")]
    [DataRow("Failed", "42%")]
    public async Task Get_AfterTheModelHasSettled_TellsTheEndWhateverWasReportedLast(string phase, string percent)
    {
        string name = $"settled-{phase.ToLowerInvariant()}";
        JsonObject model = await _server.CreateModelAsync(name, """{"upload":{}}""", Cancelled);
        await _server.SendAsync(HttpMethod.Put, RunningServer.ModelPath(name, "progress"), """{"stage":"Commit","progress":"99%","secondsRemaining":1}""", Cancelled);
        model["status"] = new JsonObject { ["phase"] = phase, ["progress"] = percent };
        await _server.SendAsync(HttpMethod.Put, RunningServer.ModelPath(name, "status"), model.ToJsonString(), Cancelled);

        (_, JsonObject progress) = await _server.SendAsync(HttpMethod.Get, RunningServer.ModelPath(name, "progress"), null, Cancelled);

        Assert.AreEqual(phase, (string?)progress["stage"]);
        Assert.AreEqual(percent, (string?)progress["progress"]);
        Assert.IsNull(progress["secondsRemaining"]);
    }

    [TestMethod]
    public async Task Put_ThatHasNotCountedYet_KeepsTheBytesThatAreThere()
    {
        await _server.CreateModelAsync("counted", """{"upload":{}}""", Cancelled);
        string path = RunningServer.ModelPath("counted", "progress");

        await _server.SendAsync(HttpMethod.Put, path, """{"stage":"Receive","bytesExpected":10,"bytesReceived":10}""", Cancelled);
        await _server.SendAsync(HttpMethod.Put, path, """{"stage":"Detect"}""", Cancelled);
        (_, JsonObject progress) = await _server.SendAsync(HttpMethod.Get, path, null, Cancelled);

        Assert.AreEqual("Detect", (string?)progress["stage"]);
        Assert.AreEqual(10, (long?)progress["bytesReceived"]);
    }

    [TestMethod]
    [DataRow("""{"consumers":[null]}""", "consumers[0]")]
    [DataRow("""{"consumers":[{"name":null,"state":"Ready"}]}""", "consumers[0].name")]
    [DataRow("""{"consumers":[{"name":"node/a"}]}""", "consumers[0].state")]
    [DataRow("""{"stage":"Pack","layers":[null]}""", "layers[0]")]
    [DataRow("""{"stage":"Pack","bytesReceived":-5}""", "bytesReceived")]
    [DataRow("""{"reportedAt":"yesterday"}""", "reportedAt")]
    public async Task Put_OfAnInvalidReport_NamesTheField(string report, string field)
    {
        string name = "bad-" + Guid.NewGuid().ToString("N")[..12];
        await _server.CreateModelAsync(name, """{"upload":{}}""", Cancelled);

        (HttpStatusCode code, JsonObject status) = await _server.SendAsync(HttpMethod.Put, RunningServer.ModelPath(name, "progress"), report, Cancelled);

        Assert.AreEqual(HttpStatusCode.UnprocessableEntity, code, status.ToJsonString());
        Assert.AreEqual(field, (string?)status["details"]!["causes"]![0]!["field"]);
    }

    [TestMethod]
    public async Task Put_FromAClockThatRunsAhead_CountsFromNow()
    {
        await _server.CreateModelAsync("ahead", """{"upload":{}}""", Cancelled);

        (_, JsonObject progress) = await _server.SendAsync(
            HttpMethod.Put, RunningServer.ModelPath("ahead", "progress"), """{"stage":"Pack","reportedAt":"9999-12-31T23:59:59Z"}""", Cancelled);

        Assert.AreEqual("ModelProgress", (string?)progress["kind"]);
        Assert.AreEqual("ai.deckhouse.io/v1alpha1", (string?)progress["apiVersion"]);
        Assert.AreNotEqual("9999-12-31T23:59:59Z", (string?)progress["reportedAt"]);
    }

    [TestMethod]
    public async Task Grant_OfANullAction_NamesTheField()
    {
        await _server.CreateModelAsync("null-action", """{"upload":{}}""", Cancelled);

        (HttpStatusCode code, JsonObject status) = await _server.SendAsync(
            HttpMethod.Post, RunningServer.ModelPath("null-action", "grant"), """{"spec":{"actions":["pull",null]}}""", Cancelled);

        Assert.AreEqual(HttpStatusCode.UnprocessableEntity, code, status.ToJsonString());
        StringAssert.Contains((string)status["message"]!, "spec.actions[1]");
    }

    [TestMethod]
    public async Task Put_OfPreparationAndConsumers_AreKeptSideBySide()
    {
        await _server.CreateModelAsync("both", """{"upload":{}}""", Cancelled);
        string path = RunningServer.ModelPath("both", "progress");

        await _server.SendAsync(HttpMethod.Put, path, """{"stage":"Pack","bytesReceived":10}""", Cancelled);
        await _server.SendAsync(HttpMethod.Put, path, """{"consumers":[{"name":"node/b","state":"Ready"}]}""", Cancelled);
        await _server.SendAsync(HttpMethod.Put, path, """{"consumers":[{"name":"node/a","state":"Downloading","bytesReceived":5}]}""", Cancelled);
        (_, JsonObject progress) = await _server.SendAsync(HttpMethod.Get, path, null, Cancelled);

        Assert.AreEqual("Pack", (string?)progress["stage"]);
        CollectionAssert.AreEqual(new[] { "node/a", "node/b" }, progress["consumers"]!.AsArray().Select(consumer => (string)consumer!["name"]!).ToArray());
    }

    [TestMethod]
    [Timeout(30_000, CooperativeCancellation = true)]
    public async Task Watch_StreamsTheStateOfNow_AndEveryLaterOne()
    {
        await _server.CreateModelAsync("watched", """{"upload":{}}""", Cancelled);
        string path = RunningServer.ModelPath("watched", "progress");
        using HttpResponseMessage response = await _server.Admin.GetAsync(path + "?watch=true", HttpCompletionOption.ResponseHeadersRead, Cancelled);
        using var lines = new StreamReader(await response.Content.ReadAsStreamAsync(Cancelled));
        JsonNode first = JsonNode.Parse((await lines.ReadLineAsync(Cancelled))!)!;

        await _server.SendAsync(HttpMethod.Put, path, """{"stage":"Verify","progress":"7%"}""", Cancelled);
        JsonNode second = JsonNode.Parse((await lines.ReadLineAsync(Cancelled))!)!;

        Assert.AreEqual("ADDED", (string?)first["type"]);
        Assert.AreEqual("MODIFIED", (string?)second["type"]);
        Assert.AreEqual("Verify", (string?)second["object"]!["stage"]);
    }

    [TestMethod]
    public async Task Put_OfAnotherKind_IsRefused()
    {
        await _server.CreateModelAsync("kinds", """{"upload":{}}""", Cancelled);

        (HttpStatusCode code, JsonObject status) = await _server.SendAsync(
            HttpMethod.Put, RunningServer.ModelPath("kinds", "progress"), """{"kind":"Model","apiVersion":"ai.deckhouse.io/v1alpha1"}""", Cancelled);

        Assert.AreEqual(HttpStatusCode.BadRequest, code);
        StringAssert.Contains((string)status["message"]!, "want ai.deckhouse.io/v1alpha1 ModelProgress");
    }

    [TestMethod]
    public async Task Grant_IsForTheModelsOwnRepository()
    {
        JsonObject model = await _server.CreateModelAsync("granted", """{"upload":{}}""", Cancelled);

        (HttpStatusCode code, JsonObject grant) = await _server.SendAsync(
            HttpMethod.Post, RunningServer.ModelPath("granted", "grant"), """{"spec":{"actions":["pull","push"],"expirationSeconds":120,"consumer":"job/a/b"}}""", Cancelled);

        Assert.AreEqual(HttpStatusCode.Created, code, grant.ToJsonString());
        Assert.AreEqual($"models/{model["metadata"]!["uid"]}", (string?)grant["status"]!["repository"]);
        Assert.AreEqual(_server.RegistryUrl, (string?)grant["status"]!["registry"]);
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{_server.RegistryUrl}/v2/{grant["status"]!["repository"]}/tags/list");
        request.Headers.Add("Authorization", "Bearer " + grant["status"]!["token"]);
        using var client = new HttpClient();
        using HttpResponseMessage response = await client.SendAsync(request, Cancelled);
        Assert.AreNotEqual(HttpStatusCode.Unauthorized, response.StatusCode, "the registry knows the key");
    }

    [TestMethod]
    [DataRow("""{"spec":{"actions":["steal"]}}""", "spec.actions[0]")]
    [DataRow("""{"spec":{"expirationSeconds":5}}""", "spec.expirationSeconds")]
    public async Task Grant_WithABadSpec_NamesTheField(string body, string field)
    {
        string name = "bad-" + Guid.NewGuid().ToString("N")[..8];
        await _server.CreateModelAsync(name, """{"upload":{}}""", Cancelled);

        (HttpStatusCode code, JsonObject status) = await _server.SendAsync(HttpMethod.Post, RunningServer.ModelPath(name, "grant"), body, Cancelled);

        Assert.AreEqual(HttpStatusCode.UnprocessableEntity, code);
        Assert.AreEqual(field, (string?)status["details"]!["causes"]![0]!["field"]);
    }
}
