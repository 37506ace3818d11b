using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Http;
using AiModels.TestKit;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace AiModels.ApiServer.Tests.ApiMachinery.Http;

/// <summary>Streams of HTTP/2: by the thousand, taken back at once, with headers that never end, on connections that are asked to close.</summary>
[TestClass]
public sealed class HttpStreamTests
{
    private const string Collection = "/apis/example.com/v1/namespaces/default/widgets";

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Cancelled => TestContext.CancellationToken;

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task A5_StreamsTakenBackAtOnce_LeaveNothingBehind()
    {
        const int reads = 4;
        await using WidgetServer server = await StartHttp2Async(options => options.MaximumReadsInFlight = reads);
        for (int connection = 0; connection < 5; connection++)
        {
            using HttpFrames attacker = await HttpFrames.ConnectAsync(server.Address.Port, Cancelled);
            try
            {
                for (int stream = 1; stream < 4000; stream += 2)
                {
                    await attacker.GetAsync(stream, Collection, Cancelled);
                    await attacker.ResetAsync(stream, Cancelled);
                }
            }
            catch (IOException)
            {
                // The server closes the connection of one that does this too often.
            }
        }

        // As many reads at once as there are places: none is still taken.
        await Eventually.GetAsync(
            async () => await Task.WhenAll(Enumerable.Range(0, reads).Select(_ => StatusAsync(server, Collection))),
            codes => codes.All(code => code == 200), "all places are free again", Cancelled);
    }

    [TestMethod]
    [Timeout(300_000, CooperativeCancellation = true)]
    public async Task TenThousandWatches_AllSeeAChange_AndLeaveNothingBehind()
    {
        const int connections = 10, streams = 1000;
        await using WidgetServer server = await StartHttp2Async();
        long version = long.Parse((string)(await GetAsync(server, Collection))["metadata"]!["resourceVersion"]!);
        HttpFrames[] clients = await Task.WhenAll(Enumerable.Range(0, connections).Select(_ => HttpFrames.ConnectAsync(server.Address.Port, Cancelled)));
        foreach (HttpFrames client in clients)
        {
            for (int i = 0; i < streams; i++)
            {
                await client.GetAsync(2 * i + 1, $"{Collection}?watch=1&resourceVersion={version}", Cancelled);
            }

            await CountAsync(client, HttpFrames.Headers, streams);
        }

        using (var content = new StringContent(WidgetServer.New("seen").ToJsonString(), Encoding.UTF8, "application/json"))
        using (HttpResponseMessage created = await Http2(server).PostAsync(Collection, content, Cancelled))
        {
            Assert.AreEqual(HttpStatusCode.Created, created.StatusCode);
        }

        await Task.WhenAll(clients.Select(client => CountAsync(client, HttpFrames.Data, streams)));
        Array.ForEach(clients, client => client.Dispose());
        Assert.AreEqual(200, await StatusAsync(server, Collection));
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Watches_BeyondTheLimit_Are429_AndAPlaceThatBecomesFreeIsGivenAgain()
    {
        await using WidgetServer server = await StartHttp2Async(options => options.MaximumLongRunning = 2);
        using HttpClient client = Http2(server), another = Http2(server);
        string watch = Collection + "?watch=1&resourceVersion=1";
        using HttpResponseMessage first = await client.GetAsync(watch, HttpCompletionOption.ResponseHeadersRead, Cancelled);
        using (HttpResponseMessage second = await another.GetAsync(watch, HttpCompletionOption.ResponseHeadersRead, Cancelled))
        {
            using HttpResponseMessage third = await another.GetAsync(watch, HttpCompletionOption.ResponseHeadersRead, Cancelled);
            Assert.AreEqual(HttpStatusCode.OK, second.StatusCode);
            Assert.AreEqual(HttpStatusCode.TooManyRequests, third.StatusCode);
            Assert.AreEqual(TimeSpan.FromSeconds(1), third.Headers.RetryAfter?.Delta);
            Assert.AreEqual(200, await StatusAsync(server, Collection), "other requests have places of their own");
        }

        await Eventually.GetAsync(
            async () =>
            {
                using HttpResponseMessage again = await another.GetAsync(watch, HttpCompletionOption.ResponseHeadersRead, Cancelled);
                return again.StatusCode;
            },
            code => code == HttpStatusCode.OK, "the place of the second is free", Cancelled);
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task ContinuationFrames_WithoutEnd_CloseTheConnection()
    {
        const int most = 200_000; // 20 MB of headers
        await using WidgetServer server = await StartHttp2Async();
        using HttpFrames attacker = await HttpFrames.ConnectAsync(server.Address.Port, Cancelled);
        int sent = 0;
        try
        {
            await attacker.BeginAsync(1, Collection, Cancelled);
            for (; sent < most; sent++)
            {
                await attacker.ContinueAsync(1, Cancelled);
            }
        }
        catch (IOException)
        {
            // Closed.
        }

        Assert.IsLessThan(most, sent, "the server takes headers without end");
        Assert.AreEqual(200, await StatusAsync(server, Collection));
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task H13_GoAwayChance_ClosesConnectionsThatAreHit_AndAnswersWhatIsUnderWay()
    {
        var chance = new LoadedDie();
        await using WidgetServer server = await WidgetServer.StartAsync(
            api => api.Services.AddSingleton<Random>(chance).AddSingleton<IRequestAuthenticator>(
                StaticTokenAuthenticator.Of(new Dictionary<string, UserInfo> { ["key"] = new() { Name = "somebody" } })), // connections of nobody are closed anyway
            options => options.GoAwayChance = 0.01,
            kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2));
        using HttpFrames connection = await HttpFrames.ConnectAsync(server.Address.Port, Cancelled);

        chance.Next = 0.011;
        await connection.GetAsync(1, Collection, Cancelled, "key");
        List<int> kept = await FramesOfAsync(connection, 1);
        chance.Next = 0.009;
        await connection.GetAsync(3, Collection, Cancelled, "key");
        List<int> hit = await FramesOfAsync(connection, 3);
        while (!hit.Contains(HttpFrames.GoAway) && !hit.Contains(-1))
        {
            hit.Add((await connection.ReadAsync(Cancelled)).Type); // It may come after the answer.
        }

        CollectionAssert.DoesNotContain(kept, (int)HttpFrames.GoAway);
        CollectionAssert.Contains(hit, (int)HttpFrames.GoAway);
        CollectionAssert.Contains(hit, (int)HttpFrames.Headers, "the request itself is answered");
        Assert.AreEqual(0, new ApiMachineryOptions().GoAwayChance, "never, unless asked for");
    }

    // Types of the frames until the stream's last one.
    private async Task<List<int>> FramesOfAsync(HttpFrames connection, int stream)
    {
        List<int> types = [];
        while (true)
        {
            (int type, int of) = await connection.ReadAsync(Cancelled);
            types.Add(type);
            if (type == -1 || (type == HttpFrames.Data && of == stream && connection.HasEnded))
            {
                return types;
            }
        }
    }

    private static Task<WidgetServer> StartHttp2Async(Action<ApiMachineryOptions>? options = null) =>
        WidgetServer.StartAsync(options: options, kestrel: kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2));

    private static HttpClient Http2(WidgetServer server) =>
        new() { BaseAddress = server.Address, DefaultRequestVersion = HttpVersion.Version20, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };

    private async Task<int> StatusAsync(WidgetServer server, string path)
    {
        using HttpClient client = Http2(server);
        using HttpResponseMessage response = await client.GetAsync(path, Cancelled);
        return (int)response.StatusCode;
    }

    private async Task<JsonObject> GetAsync(WidgetServer server, string path)
    {
        using HttpClient client = Http2(server);
        return JsonNode.Parse(await client.GetStringAsync(path, Cancelled))!.AsObject();
    }

    // Frames of one type, of as many streams.
    private async Task CountAsync(HttpFrames client, int type, int streams)
    {
        var seen = new HashSet<int>();
        while (seen.Count < streams)
        {
            (int next, int stream) = await client.ReadAsync(Cancelled);
            Assert.AreNotEqual(-1, next, $"the connection ended after {seen.Count} streams");
            if (next == type)
            {
                seen.Add(stream);
            }
        }
    }

    /// <summary>A die that shows what it is told to.</summary>
    private sealed class LoadedDie : Random
    {
        public new double Next { get; set; }

        public override double NextDouble() => Next;
    }
}
