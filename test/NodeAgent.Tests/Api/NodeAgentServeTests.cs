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
