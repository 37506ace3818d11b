using System.Net;
using System.Text.Json.Nodes;
using AiModels.Hosting;
using AiModels.Hosting.CommandLine;
using AiModels.Hosting.Kubernetes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace AiModels.ApiServer.Tests.Hosting.Kubernetes;

[TestClass]
public sealed class KubernetesClientTests
{
    private readonly List<string> _requests = [];
    private Func<HttpContext, Task> _answer = _ => Task.CompletedTask;
    private WebApplication _server = null!;
    private KubernetesClient _client = null!;

    public TestContext TestContext { get; set; } = null!;

    [TestInitialize]
    public async Task StartAsync()
    {
        WebApplicationBuilder builder = ComponentHosting.CreateBuilder("fake");
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
        _server = builder.Build();
        _server.Run(async http =>
        {
            lock (_requests) _requests.Add($"{http.Request.Method} {http.Request.Path}{http.Request.QueryString}");
            await _answer(http);
        });
        await _server.StartAsync(TestContext.CancellationToken);
        _client = new KubernetesClient(new KubernetesConnection { Server = new Uri(_server.Urls.Single() + "/") }, TimeProvider.System);
    }

    [TestCleanup]
    public async Task StopAsync()
    {
        _client.Dispose();
        await _server.DisposeAsync();
    }

    [TestMethod]
    public async Task List_InPages_FollowsContinueAndNamesTheKind()
    {
        _answer = http => http.Response.WriteAsync(http.Request.Query["continue"] == "next"
            ? """{"metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"b"}}]}"""
            : """{"metadata":{"resourceVersion":"7","continue":"next"},"items":[{"metadata":{"name":"a"}}]}""");
        KubernetesList list = await _client.ListAsync(ResourceTypes.Pods, "ns", new KubernetesListOptions { LabelSelector = "a=b" }, TestContext.CancellationToken);
        Assert.AreEqual("7", list.ResourceVersion);
        CollectionAssert.AreEqual(new[] { "a", "b" }, list.Items.Select(i => (string?)i["metadata"]!["name"]).ToArray());
        Assert.AreEqual("Pod", (string?)list.Items[1]["kind"]);
        Assert.AreEqual("GET /api/v1/namespaces/ns/pods?labelSelector=a%3Db&limit=500", _requests[0]);
    }

    [TestMethod]
    public async Task Watch_EventsThenError_YieldsEventsAndThrowsExpired()
    {
        _answer = async http =>
        {
            await http.Response.WriteAsync("{\"type\":\"ADDED\",\"object\":{\"kind\":\"Pod\"}}\n{\"type\":\"BOOKMARK\",\"obj");
            await http.Response.Body.FlushAsync();
            await http.Response.WriteAsync("ect\":{}}\n{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410,\"reason\":\"Expired\",\"message\":\"too old\"}}\n");
        };
        var types = new List<string>();
        var e = await Assert.ThrowsExactlyAsync<KubernetesApiException>(async () =>
        {
            await foreach (KubernetesEvent change in _client.WatchAsync(ResourceTypes.Pods, null, new() { ResourceVersion = "5" }, TestContext.CancellationToken)) types.Add(change.Type);
        });
        Assert.IsTrue(e.IsExpired);
        CollectionAssert.AreEqual(new[] { "ADDED", "BOOKMARK" }, types);
        Assert.AreEqual("GET /api/v1/pods?watch=true&allowWatchBookmarks=true&resourceVersion=5", _requests.Single());
    }

    [TestMethod]
    public async Task Patch_Apply_NamesManagerAndContentType()
    {
        string? contentType = null;
        _answer = http =>
        {
            contentType = http.Request.ContentType;
            return http.Response.WriteAsync("{}");
        };
        await _client.PatchAsync(ResourceTypes.Models, "ns", "m", KubernetesPatch.Apply, new JsonObject(), "status", "me", TestContext.CancellationToken);
        Assert.AreEqual("PATCH /apis/ai.deckhouse.io/v1alpha1/namespaces/ns/models/m/status?fieldManager=me&force=true", _requests.Single());
        Assert.AreEqual("application/apply-patch+yaml", contentType);
    }

    [TestMethod]
    public async Task Get_MissingObject_IsNullButMissingResourceThrows()
    {
        _answer = async http =>
        {
            http.Response.StatusCode = 404;
            if (http.Request.Path.Value!.Contains("/pods/", StringComparison.Ordinal))
                await http.Response.WriteAsync("""{"kind":"Status","reason":"NotFound","code":404,"details":{"name":"p"},"message":"pods \"p\" not found"}""");
        };
        Assert.IsNull(await _client.GetAsync(ResourceTypes.Pods, "ns", "p", TestContext.CancellationToken));
        await Assert.ThrowsExactlyAsync<KubernetesApiException>(() => _client.GetAsync(ResourceTypes.Models, "ns", "m", TestContext.CancellationToken));
    }

    [TestMethod]
    public async Task Create_TooManyRequests_ComesBackWhenTold()
    {
        int calls = 0;
        _answer = http =>
        {
            if (Interlocked.Increment(ref calls) > 1) return http.Response.WriteAsync("""{"kind":"Pod"}""");
            http.Response.StatusCode = 429;
            http.Response.Headers.RetryAfter = "0";
            return Task.CompletedTask;
        };
        JsonObject pod = new() { ["metadata"] = new JsonObject { ["namespace"] = "ns", ["name"] = "p" } };
        Assert.AreEqual("Pod", (string?)(await _client.CreateAsync(ResourceTypes.Pods, pod, null, TestContext.CancellationToken))["kind"]);
        Assert.AreEqual(2, calls);
    }

    [TestMethod]
    public async Task Create_ServerError_IsNotRepeated()
    {
        _answer = http =>
        {
            http.Response.StatusCode = 500;
            return http.Response.WriteAsync("""{"kind":"Status","reason":"InternalError","code":500,"message":"boom"}""");
        };
        JsonObject pod = new() { ["metadata"] = new JsonObject { ["namespace"] = "ns", ["name"] = "p" } };
        var e = await Assert.ThrowsExactlyAsync<KubernetesApiException>(() => _client.CreateAsync(ResourceTypes.Pods, pod, null, TestContext.CancellationToken));
        Assert.AreEqual("boom", e.Message);
        Assert.HasCount(1, _requests);
    }

    /// <summary>As from an address that swallows what is sent to it: nobody cancelled anything, and callers must not believe so.</summary>
    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Get_FromAServerThatCannotBeConnectedTo_IsAFailedRequest()
    {
        var swallowing = new Swallowing();
        using var client = new KubernetesClient(new HttpClient(new UnreachableServer { InnerHandler = swallowing }) { BaseAddress = new Uri("http://10.0.0.1/") }, TimeProvider.System);

        var e = await Assert.ThrowsExactlyAsync<HttpRequestException>(() => client.GetAsync(ResourceTypes.Models, "ns", "m", TestContext.CancellationToken));

        Assert.AreEqual("no connection in time (10.0.0.1)", e.Message);
        Assert.AreEqual(6, swallowing.Calls, "it is tried again, as after a refused connection");
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Get_WhoseAnswerBreaksOff_IsAFailedRequest()
    {
        _answer = async http =>
        {
            http.Response.ContentLength = 100;
            await http.Response.WriteAsync("""{"kind":"Mo""");
            await http.Response.Body.FlushAsync();
            http.Abort();
        };

        await Assert.ThrowsExactlyAsync<HttpRequestException>(() => _client.GetAsync(ResourceTypes.Models, "ns", "m", TestContext.CancellationToken));
    }

    private sealed class Swallowing : HttpMessageHandler
    {
        public int Calls { get; private set; }

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Calls++;
            throw new TaskCanceledException("The operation was canceled.", new TimeoutException("no connection in time"));
        }
    }

    [TestMethod]
    public void Load_KubeconfigWithExec_SaysWhatToUse()
    {
        string path = Path.GetTempFileName();
        File.WriteAllText(path, """
            current-context: c
            contexts: [{name: c, context: {cluster: k, user: u, namespace: team}}]
            clusters: [{name: k, cluster: {server: "https://127.0.0.1:6443"}}]
            users: [{name: u, user: {exec: {command: aws}}}]
            """);
        var e = Assert.ThrowsExactly<BadOptionException>(() => KubernetesConnection.Load(path));
        StringAssert.Contains(e.Message, "credential plugins (exec, auth-provider) are not supported");
        File.WriteAllText(path, File.ReadAllText(path).Replace("{exec: {command: aws}}", "{token: secret}", StringComparison.Ordinal));
        KubernetesConnection connection = KubernetesConnection.Load(path);
        Assert.AreEqual(("https://127.0.0.1:6443/", "secret", "team"), (connection.Server.ToString(), connection.Token, connection.Namespace));
        File.Delete(path);
    }
}
