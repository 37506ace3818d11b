using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using AiModels.Contracts.NodeCache;
using AiModels.Contracts.V1Alpha1;
using AiModels.Hosting;
using AiModels.Hosting.Kubernetes;
using AiModels.NodeAgent.Authorization;
using AiModels.NodeAgent.Materialization;
using AiModels.NodeAgent.Prefetching;
using AiModels.NodeAgent.Registry;
using AiModels.NodeAgent.Tests.Cache;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Moq;

namespace AiModels.NodeAgent.Tests.Api;

/// <summary>The real program's composition on a real socket.</summary>
[TestClass]
public sealed class NodeAgentServeTests
{
    private readonly string _folder = Directory.CreateTempSubdirectory("agent-").FullName;
    private readonly FakeAuthorizer _authorizer = new();

    public TestContext TestContext { get; set; } = null!;

    [TestCleanup]
    public void RemoveFolder()
    {
        foreach (string model in Directory.GetDirectories(Path.Combine(_folder, "cache", "models")))
        {
            ReadOnlyTree.Remove(model);
        }

        Directory.Delete(_folder, recursive: true);
    }

    [TestMethod, Timeout(30_000)]
    public async Task Mounts_PostAndDelete_TakeAndGiveALease()
    {
        await using WebApplication agent = await StartAsync();
        using HttpClient client = Client();
        using HttpResponseMessage answer = await client.PostAsJsonAsync(NodeCacheApi.MountsPath, Request(), ContractsJson.Options, TestContext.CancellationToken);
        Assert.AreEqual(HttpStatusCode.OK, answer.StatusCode);
        EnsureModelResponse body = (await answer.Content.ReadFromJsonAsync<EnsureModelResponse>(ContractsJson.Options, TestContext.CancellationToken))!;
        Assert.IsTrue(Directory.Exists(body.Path));
        Assert.AreEqual(1, (await StatusAsync(client)).Models.Single().Mounts);

        using HttpResponseMessage deleted = await client.DeleteAsync($"{NodeCacheApi.MountsPath}/{Uri.EscapeDataString("csi/1")}", TestContext.CancellationToken);
        Assert.AreEqual(HttpStatusCode.NoContent, deleted.StatusCode);
        Assert.AreEqual(0, (await StatusAsync(client)).Models.Single().Mounts);
    }

    [TestMethod, Timeout(30_000)]
    public async Task Mounts_Refused_AnswersCodeAndMessage()
    {
        await using WebApplication agent = await StartAsync();
        _authorizer.Refusal = new NodeAgentException("PermissionDenied", "not yours");
        using HttpResponseMessage answer = await Client().PostAsJsonAsync(NodeCacheApi.MountsPath, Request(), ContractsJson.Options, TestContext.CancellationToken);
        Assert.AreEqual(HttpStatusCode.Forbidden, answer.StatusCode);
        NodeCacheError error = (await answer.Content.ReadFromJsonAsync<NodeCacheError>(ContractsJson.Options, TestContext.CancellationToken))!;
        Assert.AreEqual(("PermissionDenied", "not yours"), (error.Code, error.Message));
    }

    [TestMethod, Timeout(30_000)]
    [DataRow("{}")]
    [DataRow("nonsense")]
    public async Task Mounts_WithAWrongBody_IsInvalidArgument(string body)
    {
        await using WebApplication agent = await StartAsync();
        using var content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        using HttpResponseMessage answer = await Client().PostAsync(NodeCacheApi.MountsPath, content, TestContext.CancellationToken);
        Assert.AreEqual(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [TestMethod, Timeout(60_000)]
    [DataRow("null", "null")]
    [DataRow("[]", "no request")]
    [DataRow("\"text\"", "no request")]
    [DataRow("""{"volumeId":""}""", "no request")]
    [DataRow("""{"volumeId":"","podNamespace":"a","podName":"b","podUid":"c","modelKind":"Model","modelName":"m","digest":"DIGEST"}""", "volumeId is empty")]
    [DataRow("""{"volumeId":"..","podNamespace":"a","podName":"b","podUid":"c","modelKind":"Model","modelName":"m","digest":"DIGEST"}""", "volumeId: '..'")]
    [DataRow("""{"volumeId":"v","podNamespace":"a","podName":null,"podUid":"c","modelKind":"Model","modelName":"m","digest":"DIGEST"}""", "podName is empty")]
    [DataRow("""{"volumeId":"v","podNamespace":"a","podName":"b","podUid":"c","modelKind":"Secret","modelName":"m","digest":"DIGEST"}""", "modelKind: 'Secret'")]
    [DataRow("""{"volumeId":"v","podNamespace":"a","podName":"b","podUid":"c","modelKind":null,"modelName":"m","digest":"DIGEST"}""", "modelKind: ''")]
    [DataRow("""{"volumeId":"v","podNamespace":"a","podName":"b","podUid":"c","modelKind":"Model","modelName":"m","digest":null}""", "digest: ''")]
    public async Task Mounts_WithAFieldThatIsNone_NamesItAndTakesNoLease(string body, string words)
    {
        await using WebApplication agent = await StartAsync();
        using HttpClient client = Client();

        // No content type, as a careless caller sends it.
        using var content = new ByteArrayContent(System.Text.Encoding.UTF8.GetBytes(body.Replace("DIGEST", CacheTestBench.DigestOf("tiny"), StringComparison.Ordinal)));
        using HttpResponseMessage answer = await client.PostAsync(NodeCacheApi.MountsPath, content, TestContext.CancellationToken);
        NodeCacheError error = (await answer.Content.ReadFromJsonAsync<NodeCacheError>(ContractsJson.Options, TestContext.CancellationToken))!;
        Assert.AreEqual((HttpStatusCode.BadRequest, "InvalidArgument"), (answer.StatusCode, error.Code));
        Assert.Contains(words, error.Message);
        Assert.IsEmpty((await StatusAsync(client)).Models);
    }

    [TestMethod, Timeout(60_000)]
    public async Task Mounts_WithAHugeBody_IsRefusedAndTheAgentServesOn()
    {
        await using WebApplication agent = await StartAsync();
        using HttpClient client = Client();
        string huge = new('a', 60 << 10);
        EnsureModelRequest request = Request() with { PodName = huge, ModelName = huge };
        try
        {
            using HttpResponseMessage answer = await client.PostAsJsonAsync(NodeCacheApi.MountsPath, request, ContractsJson.Options, TestContext.CancellationToken);
            Assert.AreEqual(HttpStatusCode.BadRequest, answer.StatusCode);
        }
        catch (HttpRequestException)
        {
            // The agent may close before all of it was sent, and the caller see that first.
        }

        Assert.IsEmpty((await StatusAsync(client)).Models);
    }

    [TestMethod, Timeout(30_000)]
    public async Task Mounts_WithADigestThatIsAPath_IsInvalidArgument()
    {
        await using WebApplication agent = await StartAsync();
        using HttpResponseMessage answer = await Client().PostAsJsonAsync(
            NodeCacheApi.MountsPath, Request() with { Digest = "sha256:../../etc" }, ContractsJson.Options, TestContext.CancellationToken);
        Assert.AreEqual(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [TestMethod, Timeout(60_000)]
    public async Task Socket_IsForItsOwnerAlone()
    {
        await using WebApplication agent = await StartAsync();
        Assert.AreEqual(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(_folder, "agent.sock")));
    }

    [TestMethod, Timeout(30_000)]
    public async Task Start_WhereAnotherAgentServes_IsRefused()
    {
        await using WebApplication agent = await StartAsync();
        IOException e = await Assert.ThrowsAsync<IOException>(StartAsync);
        Assert.Contains("another node agent", e.Message);
    }

    [TestMethod, Timeout(60_000)]
    public async Task MetricsListen_ServesMetricsInTheNetwork_AndNothingElse()
    {
        await using WebApplication agent = await StartAsync(new Uri("http://127.0.0.1:0"));
        using var network = new HttpClient { BaseAddress = new Uri(agent.Services.GetRequiredService<MetricsServer>().Addresses.Single()) };

        string metrics = await network.GetStringAsync("/metrics", TestContext.CancellationToken);
        Assert.Contains("aimodels_nodeagent_cache_capacity_bytes", metrics);
        foreach (string path in new[] { NodeCacheApi.MountsPath, NodeCacheApi.StatusPath, "/livez" })
        {
            using HttpResponseMessage answer = await network.GetAsync(path, TestContext.CancellationToken);
            Assert.AreEqual(HttpStatusCode.NotFound, answer.StatusCode, path);
        }

        Assert.AreEqual(0, (await StatusAsync(Client())).Models.Count, "the socket serves as before");
    }

    private sealed class NothingWanted : IModelCatalog
    {
        public Task<WantedModels> ReadAsync(CancellationToken cancellationToken) => Task.FromResult(new WantedModels([], []));
    }

    private static EnsureModelRequest Request() => new()
    {
        VolumeId = "csi/1",
        PodNamespace = "team-a",
        PodName = "app-0",
        PodUid = "uid",
        ModelKind = "Model",
        ModelName = "tiny",
        Digest = CacheTestBench.DigestOf("tiny"),
    };

    private Task<WebApplication> StartAsync() => StartAsync(null);

    private async Task<WebApplication> StartAsync(Uri? metrics)
    {
        var options = new ServeOptions { Listen = $"unix://{_folder}/agent.sock", NodeName = "node-1", CacheDir = Path.Combine(_folder, "cache"), MetricsListen = metrics };
        WebApplication app = NodeAgentApplication.Create(options, builder =>
        {
            builder.Services.AddSingleton<IMountAuthorizer>(_authorizer);
            builder.Services.AddSingleton<IModelSource>(new FakeSource());
            builder.Services.AddSingleton<IModelCatalog>(new NothingWanted());
            builder.Services.AddSingleton(Mock.Of<IKubernetesClient>());
        });
        await app.StartAsync(TestContext.CancellationToken);
        return app;
    }

    private Task<NodeCacheStatus> StatusAsync(HttpClient client) =>
        client.GetFromJsonAsync<NodeCacheStatus>(NodeCacheApi.StatusPath, ContractsJson.Options, TestContext.CancellationToken)!;

    private HttpClient Client() => new(new SocketsHttpHandler
    {
        ConnectCallback = async (_, cancellationToken) =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint($"{_folder}/agent.sock"), cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        },
    })
    {
        BaseAddress = new Uri("http://localhost"),
    };
}
