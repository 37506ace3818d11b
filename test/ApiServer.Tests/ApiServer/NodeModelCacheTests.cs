using System.Net;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiServer.Resources.NodeModelCaches;

namespace AiModels.ApiServer.Tests.ApiServer;

/// <summary>The kind over the wire, and its guard.</summary>
[TestClass]
public sealed class NodeModelCacheTests
{
    private const string Caches = "/apis/ai.deckhouse.io/v1alpha1/nodemodelcaches";
    private static readonly string Digest = "sha256:" + new string('a', 64);

    public TestContext TestContext { get; set; } = null!;

    [TestMethod, Timeout(120_000)]
    public async Task Status_OfANode_IsPrintedForPeople()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        await SendAsync(server, HttpMethod.Post, Caches, """{"apiVersion":"ai.deckhouse.io/v1alpha1","kind":"NodeModelCache","metadata":{"name":"node-1"}}""", HttpStatusCode.Created);
        JsonObject live = await SendAsync(server, HttpMethod.Get, Caches + "/node-1", null, HttpStatusCode.OK);
        live["status"] = JsonNode.Parse($$"""
            { "capacityBytes": 214748364800, "usedBytes": 107374182400, "pinnedBytes": 0, "artifactCount": 2, "mountedCount": 1, "fetchingCount": 1,
              "artifacts": [ { "digest": "{{Digest}}", "state": "Downloading", "sizeBytes": 100, "presentBytes": 42, "progress": "42%", "mounts": 0 } ],
              "lastErrors": [ { "time": "2026-01-02T03:04:05Z", "digest": "{{Digest}}", "message": "the registry is away" } ] }
            """);
        await SendAsync(server, HttpMethod.Put, Caches + "/node-1/status", live.ToJsonString(), HttpStatusCode.OK);

        using var request = new HttpRequestMessage(HttpMethod.Get, Caches);
        request.Headers.Add("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
        using HttpResponseMessage answer = await server.Admin.SendAsync(request, TestContext.CancellationToken);
        JsonNode table = JsonNode.Parse(await answer.Content.ReadAsStringAsync(TestContext.CancellationToken))!;
        string[] cells = [.. table["rows"]![0]!["cells"]!.AsArray().Select(cell => cell?.ToString() ?? "")];
        Assert.AreSequenceEqual(["node-1", "100Gi", "200Gi", "50%", "2", "1", "1"], cells[..7]);
        Assert.AreEqual("the registry is away", cells[^1]);
    }

    [TestMethod, Timeout(120_000)]
    public async Task Status_WithAnUnknownState_IsRefused()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        JsonObject live = await SendAsync(
            server, HttpMethod.Post, Caches, """{"apiVersion":"ai.deckhouse.io/v1alpha1","kind":"NodeModelCache","metadata":{"name":"node-1"}}""", HttpStatusCode.Created);
        live["status"] = JsonNode.Parse($$"""{ "artifacts": [ { "digest": "{{Digest}}", "state": "Evaporated" } ] }""");
        JsonObject status = await SendAsync(server, HttpMethod.Put, Caches + "/node-1/status", live.ToJsonString(), HttpStatusCode.UnprocessableEntity);
        Assert.Contains("status.artifacts[0].state", (string)status["message"]!);
    }

    [TestMethod]
    [DataRow("system:serviceaccount:d8-ai-models:nodeagent", "node-1", "", "node-1", true, DisplayName = "agent, own node")]
    [DataRow("system:serviceaccount:d8-ai-models:nodeagent", "node-2", "", "node-1", false, DisplayName = "agent, another node")]
    [DataRow("system:node:node-1", null, "system:nodes", "node-1", true, DisplayName = "kubelet, own node")]
    [DataRow("system:node:node-2", null, "system:nodes", "node-1", false, DisplayName = "kubelet, another node")]
    [DataRow("system:node:node-2", null, "", "node-1", true, DisplayName = "a name alone makes no node")]
    [DataRow("alice", null, "", "node-1", true, DisplayName = "a person: RBAC's business")]
    public async Task Write_ByAUser_IsForTheOwnNode(string user, string? node, string group, string name, bool allowed)
    {
        var request = new AdmissionRequest
        {
            Operation = "UPDATE",
            Resource = NodeModelCacheResource.Define(),
            Subresource = "status",
            Namespace = "",
            Name = name,
            User = new UserInfo
            {
                Name = user,
                Groups = [group],
                Extra = node is null ? new Dictionary<string, IReadOnlyList<string>>() : new Dictionary<string, IReadOnlyList<string>> { ["authentication.kubernetes.io/node-name"] = [node] },
            },
        };
        async Task WriteAsync() => await new OwnNodeOnly().ValidateAsync(request, TestContext.CancellationToken);
        if (allowed)
        {
            await WriteAsync();
        }
        else
        {
            ApiException e = await Assert.ThrowsExactlyAsync<ApiException>(WriteAsync);
            Assert.Contains("its own node only", e.Message);
        }
    }

    private async Task<JsonObject> SendAsync(RunningServer server, HttpMethod method, string path, string? body, HttpStatusCode expected)
    {
        (HttpStatusCode code, JsonObject answer) = await server.SendAsync(method, path, body, TestContext.CancellationToken);
        Assert.AreEqual(expected, code, answer.ToJsonString());
        return answer;
    }
}
