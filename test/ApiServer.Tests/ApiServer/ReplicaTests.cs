using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using AiModels.ApiServer.Tests.Storage;
using AiModels.Hosting;
using AiModels.Registry;
using AiModels.TestKit;
using Microsoft.AspNetCore.Builder;

namespace AiModels.ApiServer.Tests.ApiServer;

/// <summary>Two real API servers on one etcd: what one of them has in memory must not be missed at the other.</summary>
[TestClass]
public sealed class ReplicaTests
{
    private const int Length = 3_000_000;
    private static TempFolder s_folder = null!;
    private static WebApplication s_registry = null!;
    private static RunningReplica[]? s_replicas;
    private static byte[] s_file = null!;
    private readonly string _name = $"m-{Guid.NewGuid():N}";

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Cancelled => TestContext.CancellationToken;

    [ClassInitialize]
    public static async Task StartAsync(TestContext context)
    {
        s_folder = new TempFolder();
        string registryUrl = $"http://127.0.0.1:{FreePorts.Block(1)}";
        WebApplicationBuilder builder = ComponentHosting.CreateBuilder("registry");
        builder.AddRegistry(new RegistryOptions { Listen = [registryUrl], Storage = "folder:" + s_folder["registry"], GrantKeys = s_folder["keys"] });
        s_registry = builder.Build();
        s_registry.MapRegistry();
        await s_registry.StartAsync(context.CancellationToken);
        RunningEtcd etcd = await SharedEtcd.GetAsync();
        string[] arguments =
        [
            "--storage", "etcd", "--etcd-servers", etcd.Servers[0].ToString(), "--etcd-prefix", SharedEtcd.NewPrefix(), "--etcd-compaction-interval", "0s",
            "--registry", registryUrl, "--grant-keys", s_folder["keys"],
        ];
        s_replicas = await Task.WhenAll(Enumerable.Range(0, 2).Select(i => RunningReplica.StartAsync(s_folder[$"replica-{i}"], arguments, context.CancellationToken)));
        s_file = new byte[Length];
        new Random(7).NextBytes(s_file);
        "GGUF"u8.CopyTo(s_file);
    }

    [ClassCleanup]
    public static async Task StopAsync()
    {
        foreach (RunningReplica replica in s_replicas ?? [])
        {
            await replica.DisposeAsync();
        }

        await s_registry.DisposeAsync();
        s_folder.Dispose();
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Upload_InPiecesOverTwoReplicas_EndsInTheDigestOfASinglePut()
    {
        string expected = await UploadWholeAsync(_name + "-whole");
        string token = await OpenAsync(_name);

        long offset = 0;
        for (int piece = 0; offset < Length; piece++)
        {
            // A B A A B B …: also twice in a row at the same one, where an encoder is kept for the next piece.
            using HttpClient client = s_replicas![(piece ^ (piece >> 1)) & 1].Client(token);
            int count = (int)Math.Min(400_000 + (piece * 1000), Length - offset);
            using HttpResponseMessage answer = await PatchAsync(client, _name, offset, new ByteArrayContent(s_file, (int)offset, count));
            Assert.AreEqual(HttpStatusCode.NoContent, answer.StatusCode, await answer.Content.ReadAsStringAsync(Cancelled));
            offset = Offset(answer);
        }

        Assert.AreEqual(expected, await DigestAsync(1, _name));
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Upload_WhileAnotherReplicaReceives_IsRefusedWithATime_AndGoesOnThereAfterwards()
    {
        string token = await OpenAsync(_name);
        using HttpClient first = s_replicas![0].Client(token), second = s_replicas![1].Client(token);
        var body = new PausedContent(s_file[..1_000_000], pauseAt: 500_000);
        Task<HttpResponseMessage> receiving = PatchAsync(first, _name, 0, body);
        await body.Paused.WaitAsync(Cancelled);
        await Eventually.GetAsync(
            async () => (string?)(await SessionAsync(1, _name))["status"]!["state"], state => state == "Receiving", "the other replica knows of it", Cancelled);

        using (HttpResponseMessage refused = await PatchAsync(second, _name, 0, new ByteArrayContent(s_file, 0, 1000)))
        {
            Assert.AreEqual(HttpStatusCode.Conflict, refused.StatusCode);
            Assert.IsTrue(refused.Headers.RetryAfter!.Delta is { TotalSeconds: >= 1 and <= 10 }, refused.Headers.RetryAfter?.ToString());
            StringAssert.Contains(await refused.Content.ReadAsStringAsync(Cancelled), "another replica");
        }

        body.GoOn();
        using (HttpResponseMessage received = await receiving)
        {
            Assert.AreEqual(1_000_000, Offset(received));
        }

        using HttpResponseMessage rest = await PatchAsync(second, _name, 1_000_000, new ByteArrayContent(s_file, 1_000_000, Length - 1_000_000));
        Assert.AreEqual(HttpStatusCode.NoContent, rest.StatusCode, await rest.Content.ReadAsStringAsync(Cancelled));
        Assert.AreEqual("Received", (string?)(await SessionAsync(0, _name))["status"]!["state"]);
    }

    [TestMethod]
    [Timeout(180_000, CooperativeCancellation = true)]
    public async Task Upload_WhoseReplicaIsKilled_IsTakenOverByAnother()
    {
        string expected = await UploadWholeAsync(_name + "-whole");
        string token = await OpenAsync(_name);
        using HttpClient first = s_replicas![0].Client(token), second = s_replicas![1].Client(token);
        using (HttpResponseMessage kept = await PatchAsync(first, _name, 0, new ByteArrayContent(s_file, 0, 700_000)))
        {
            Assert.AreEqual(700_000, Offset(kept));
        }

        var body = new PausedContent(s_file[700_000..2_000_000], pauseAt: 600_000);
        Task<HttpResponseMessage> receiving = PatchAsync(first, _name, 700_000, body);
        await body.Paused.WaitAsync(Cancelled);
        await s_replicas![0].KillAsync();
        body.GoOn();
        await Assert.ThrowsAsync<Exception>(() => receiving);

        // Until the dead replica's claim is over the client is told to come again.
        long offset = 700_000;
        HttpResponseMessage answer = await Eventually.GetAsync(
            () => PatchAsync(second, _name, offset, new ByteArrayContent(s_file, (int)offset, Length - (int)offset)),
            answer => answer.StatusCode != HttpStatusCode.Conflict, "the claim ends", Cancelled);
        Assert.AreEqual(HttpStatusCode.NoContent, answer.StatusCode, await answer.Content.ReadAsStringAsync(Cancelled));
        Assert.AreEqual(expected, await DigestAsync(1, _name));
        await s_replicas![0].StartAgainAsync(Cancelled);
        Assert.AreEqual(expected, await DigestAsync(0, _name));
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Progress_ReportedToOneReplica_IsServedByTheOther()
    {
        await OpenAsync(_name);
        using HttpClient reporter = s_replicas![0].Client(), reader = s_replicas![1].Client();
        int received = 0;

        await Eventually.GetAsync(
            async () =>
            {
                // As those who move bytes do, again and again.
                received += 1000;
                string report = $$"""{"apiVersion":"ai.deckhouse.io/v1alpha1","kind":"ModelProgress","stage":"Pack","bytesExpected":900000,"bytesReceived":{{received}},"reportedAt":"{{TimeProvider.System.GetUtcNow():O}}","consumers":[{"name":"node-1","kind":"Node","state":"Downloading"}]}""";
                (HttpStatusCode code, JsonObject body) = await RunningServer.SendAsync(reporter, HttpMethod.Put, RunningServer.ModelPath(_name, "progress"), report, Cancelled);
                Assert.AreEqual(HttpStatusCode.OK, code, body.ToJsonString());
                return (await RunningServer.SendAsync(reader, HttpMethod.Get, RunningServer.ModelPath(_name, "progress"), null, Cancelled)).Body;
            },
            progress => (string?)progress["stage"] == "Pack" && progress["consumers"] is JsonArray { Count: 1 }, "the other replica tells the progress", Cancelled);
    }

    [TestMethod]
    public async Task PeerEndpoint_WithoutTheReplicasToken_IsRefused()
    {
        using HttpClient admin = s_replicas![0].Client();

        using HttpResponseMessage answer = await admin.PostAsync("/internal/progress", new StringContent("{}"), Cancelled);

        Assert.AreEqual(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    private async Task<string> OpenAsync(string name)
    {
        using HttpClient admin = s_replicas![0].Client();
        (HttpStatusCode code, JsonObject body) = await RunningServer.SendAsync(
            admin, HttpMethod.Post, "/apis/ai.deckhouse.io/v1alpha1/namespaces/team-a/models", RunningServer.Model(name, """{"upload":{}}"""), Cancelled);
        Assert.AreEqual(HttpStatusCode.Created, code, body.ToJsonString());
        (_, JsonObject session) = await RunningServer.SendAsync(
            admin, HttpMethod.Post, RunningServer.ModelPath(name, "upload"), $$$"""{"spec":{"fileName":"m.gguf","lengthBytes":{{{Length}}}}}""", Cancelled);
        return (string)session["status"]!["token"]!;
    }

    private async Task<string> UploadWholeAsync(string name)
    {
        using HttpClient client = s_replicas![1].Client(await OpenAsync(name));
        using HttpResponseMessage answer = await client.PutAsync(RunningServer.ModelPath(name, "upload"), new ByteArrayContent(s_file), Cancelled);
        string body = await answer.Content.ReadAsStringAsync(Cancelled);
        Assert.AreEqual(HttpStatusCode.OK, answer.StatusCode, body);
        return (string)JsonNode.Parse(body)!["status"]!["receivedDigest"]!;
    }

    private async Task<JsonObject> SessionAsync(int replica, string name)
    {
        using HttpClient admin = s_replicas![replica].Client();
        return (await RunningServer.SendAsync(admin, HttpMethod.Get, RunningServer.ModelPath(name, "upload"), null, Cancelled)).Body;
    }

    private async Task<string?> DigestAsync(int replica, string name) => (string?)(await SessionAsync(replica, name))["status"]!["receivedDigest"];

    private async Task<HttpResponseMessage> PatchAsync(HttpClient client, string name, long offset, HttpContent content)
    {
        content.Headers.ContentType = new MediaTypeHeaderValue("application/offset+octet-stream");
        using var request = new HttpRequestMessage(HttpMethod.Patch, RunningServer.ModelPath(name, "upload"))
        {
            Content = content,
            Headers = { { "Tus-Resumable", "1.0.0" }, { "Upload-Offset", $"{offset}" } },
        };
        return await client.SendAsync(request, Cancelled);
    }

    private static long Offset(HttpResponseMessage answer) => long.Parse(answer.Headers.GetValues("Upload-Offset").Single());

    /// <summary>A body that stops in the middle until it is told to go on.</summary>
    private sealed class PausedContent(byte[] bytes, int pauseAt) : HttpContent
    {
        private readonly TaskCompletionSource _paused = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _goOn = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Paused => _paused.Task;

        public void GoOn() => _goOn.TrySetResult();

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(bytes.AsMemory(0, pauseAt));
            await stream.FlushAsync();
            _paused.TrySetResult();
            await _goOn.Task;
            await stream.WriteAsync(bytes.AsMemory(pauseAt));
        }

        protected override bool TryComputeLength(out long length)
        {
            length = bytes.Length;
            return true;
        }
    }
}
