using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace AiModels.ApiServer.Tests.ApiMachinery.Http;

/// <summary>Clients that are hostile below the level of documents: what they send never ends, comes by the thousand, or is taken back at once.</summary>
[TestClass]
public sealed class HostileTransportTests
{
    private const int Limit = 3 * 1024 * 1024;
    private const string Collection = "/apis/example.com/v1/namespaces/default/widgets";

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Cancelled => TestContext.CancellationToken;

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task E8_Body_OfExactlyTheLimit_IsTaken_AndOneByteMoreIs413()
    {
        await using WidgetServer server = await WidgetServer.StartAsync();

        Answer largest = await server.SendAsync("POST", Collection, BodyOf(Limit, "exact"));
        Answer tooLarge = await server.SendAsync("POST", Collection, BodyOf(Limit + 1, "more"));
        Answer read = await server.SendAsync("GET", Collection + "/exact");
        Answer list = await server.SendAsync("GET", Collection);

        Assert.AreEqual(201, largest.Code, largest.Text[..Math.Min(500, largest.Text.Length)]);
        Assert.AreEqual(413, tooLarge.Code);
        Assert.AreEqual("Request entity too large: limit is 3145728", tooLarge.Message);
        Assert.IsTrue(JsonNode.DeepEquals(largest.Json, read.Json));
        Assert.HasCount(1, list.Json["items"]!.AsArray());
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task E8_BodyWithoutEnd_Is413_AndIsNotReadOn()
    {
        await using WidgetServer server = await WidgetServer.StartAsync();
        using Socket socket = await ConnectAsync(server.Address.Port);
        await SendAsync(socket, $"POST {Collection} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");

        byte[] chunk = [.. "10000\r\n"u8, .. new byte[0x10000], .. "\r\n"u8], answer = new byte[4096];
        Task<int> answered = socket.ReceiveAsync(answer);
        long sent = 0;
        while (!answered.IsCompleted && sent < 1L << 30)
        {
            sent += await socket.SendAsync(chunk, Cancelled);
        }

        Assert.IsLessThan(1L << 30, sent, "the server reads on without end");
        StringAssert.StartsWith(Encoding.Latin1.GetString(answer, 0, await answered), "HTTP/1.1 413 ");
        Assert.AreEqual(200, (await server.SendAsync("GET", Collection)).Code);
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task E9_BodyThatStopsComing_IsEndedAtTheDeadline()
    {
        await using WidgetServer server = await WidgetServer.StartAsync(options: options => options.RequestTimeout = TimeSpan.FromMilliseconds(300));
        using Socket socket = await ConnectAsync(server.Address.Port);

        await SendAsync(socket, $"POST {Collection} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{\"api");

        StringAssert.StartsWith(await ReadToEndAsync(socket), "HTTP/1.1 504 ");
    }

    [TestMethod]
    public async Task Connections_AreFewerThanTheProcessMayOpenFiles()
    {
        string limits = await File.ReadAllTextAsync("/proc/self/limits", Cancelled);
        string files = limits.Split('\n').Single(line => line.StartsWith("Max open files", StringComparison.Ordinal))["Max open files".Length..].TrimStart().Split(' ')[0];
        var kestrel = new KestrelServerOptions();

        kestrel.UseApiServerLimits();

        if (files == "unlimited")
        {
            Assert.IsNull(kestrel.Limits.MaxConcurrentConnections);
        }
        else
        {
            Assert.IsLessThan(long.Parse(files), kestrel.Limits.MaxConcurrentConnections!.Value);
            Assert.IsGreaterThan(0, kestrel.Limits.MaxConcurrentConnections.Value);
        }
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task LongSelectorsTokensAndQueries_AreJudged()
    {
        await using WidgetServer server = await WidgetServer.StartAsync();
        string values = string.Join(",", Enumerable.Range(0, 30_000).Select(i => $"v{i}"));
        (string Query, int Code)[] cases =
        [
            ($"labelSelector=a%20in%20({values})", 200),
            ($"labelSelector={new string('(', 100_000)}", 400),
            ($"labelSelector={string.Join(",", Enumerable.Repeat("a", 100_000))}", 200),
            ($"fieldSelector={string.Join(",", Enumerable.Repeat("metadata.name%21=x", 10_000))}", 200),
            ($"continue={new string('A', 200_000)}", 400),
            (string.Join("&", Enumerable.Range(0, 50_000).Select(i => $"a{i}=1")), 200),
            ("labelSelector=a%FF%FE", 400),
        ];
        foreach ((string query, int code) in cases)
        {
            Answer answer = await server.SendAsync("GET", $"{Collection}?{query}");
            Assert.AreEqual(code, answer.Code, $"{query[..Math.Min(60, query.Length)]}: {answer.Text[..Math.Min(300, answer.Text.Length)]}");
            Assert.IsTrue(code == 200 || (string?)answer.Json["kind"] == "Status");
        }
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Headers_OfAUserWithManyGroups_AreTaken_AndAFloodIsRefused()
    {
        await using WidgetServer server = await WidgetServer.StartAsync();
        string groups = string.Concat(Enumerable.Range(0, 500).Select(i => $"X-Remote-Group: company:department-of-many-people:{i}\r\n"));
        string flood = string.Concat(Enumerable.Range(0, 20_000).Select(i => $"X-Flood-{i}: {new string('x', 50)}\r\n"));

        StringAssert.StartsWith(await AskAsync(server, groups), "HTTP/1.1 200 ");
        StringAssert.StartsWith(await AskAsync(server, flood), "HTTP/1.1 431 ");
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task H10_HeadersThatComeByteByByte_AreCutAtTheTimeout()
    {
        await using WidgetServer server = await WidgetServer.StartAsync(kestrel: kestrel =>
        {
            Assert.AreEqual(TimeSpan.FromSeconds(32), kestrel.Limits.RequestHeadersTimeout, "upstream's");
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(1);
            kestrel.Listen(IPAddress.Loopback, 0);
        });
        using Socket socket = await ConnectAsync(server.Address.Port);
        await SendAsync(socket, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ");
        Task<string> answer = ReadToEndAsync(socket);
        try
        {
            while (!answer.IsCompleted)
            {
                await SendAsync(socket, "x");
                await Task.WhenAny(answer, Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, Cancelled));
            }
        }
        catch (SocketException)
        {
            // Closed while a byte was on its way.
        }

        Assert.DoesNotContain("200 OK", await answer);
        Assert.AreEqual(200, (await server.SendAsync("GET", Collection)).Code);
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    [DataRow("POST", "application/json")]
    [DataRow("POST", "application/yaml")]
    [DataRow("PATCH", "application/merge-patch+json")]
    [DataRow("PATCH", "application/apply-patch+yaml")]
    [DataRow("PATCH", "application/json-patch+json")]
    public async Task Nesting_OfTenThousand_IsRefusedAndNothingFalls(string method, string type)
    {
        await using WidgetServer server = await WidgetServer.StartAsync();
        await server.CreateAsync(WidgetServer.New("deep"));
        string path = Collection + (method == "POST" ? "" : "/deep?fieldManager=m");
        const string Head = """{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"deep"},"spec":""";
        string objects = string.Concat(Enumerable.Repeat("{\"a\":", 10_001)), lists = new('[', 10_001);
        string[] bodies =
        [
            Head + objects + "1" + new string('}', 10_002), Head + lists + new string(']', 10_001) + "}", Head + objects, lists,
            $$"""[{"op":"add","path":"/spec{{string.Concat(Enumerable.Repeat("/a", 10_001))}}","value":1}]""",
            $$"""[{"op":"add","path":"/spec","value":{{lists}}{{new string(']', 10_001)}}}]""",
        ];
        foreach (string body in bodies)
        {
            Answer answer = await server.SendAsync(method, path, body, type);

            Assert.IsTrue(answer.Code is >= 400 and < 500, $"{answer.Code} {answer.Text[..Math.Min(200, answer.Text.Length)]}");
            Assert.AreEqual("Status", (string?)answer.Json["kind"]);
        }

        Assert.AreEqual(200, (await server.SendAsync("GET", Collection + "/deep")).Code);
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Bodies_ThatAreLargeCompressedOrOddlyTyped_AreJudged()
    {
        await using WidgetServer server = await WidgetServer.StartAsync();
        JsonObject labelled = WidgetServer.New("labels");
        labelled["metadata"]!["labels"] = new JsonObject(Enumerable.Range(0, 10_000).Select(i => KeyValuePair.Create($"l{i}", (JsonNode?)"v")));

        Answer labels = await server.SendAsync("POST", Collection, labelled);
        Answer gzip = await server.SendAsync("POST", Collection, "\u001f\u008b", headers: ("Content-Encoding", "gzip"));
        Answer parameters = await server.SendAsync("POST", Collection, WidgetServer.New("typed"), "application/json; charset=utf-8;x;=;\"");
        Answer form = await server.SendAsync("POST", Collection, WidgetServer.New("form"), "application/x-www-form-urlencoded");

        Assert.AreEqual(201, labels.Code);
        Assert.AreEqual(400, gzip.Code, "bodies are not decompressed, as upstream");
        Assert.AreEqual(201, parameters.Code, parameters.Text);
        Assert.AreEqual(415, form.Code);
    }

    [TestMethod]
    [DataRow("OPTIONS")]
    [DataRow("TRACE")]
    [DataRow("PROPFIND")]
    [DataRow("HEAD")]
    public async Task E3_MethodsThatAreNone_Are405_OnObjectsAndCollections(string method)
    {
        await using WidgetServer server = await WidgetServer.StartAsync();

        Assert.AreEqual(405, (await server.SendAsync(method, Collection)).Code);
        Assert.AreEqual(405, (await server.SendAsync(method, Collection + "/a")).Code);
    }

    private static async Task<string> AskAsync(WidgetServer server, string headers)
    {
        using Socket socket = await ConnectAsync(server.Address.Port);
        Task<string> answer = ReadToEndAsync(socket);
        try
        {
            await SendAsync(socket, $"GET {Collection} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
        }
        catch (SocketException)
        {
            // Refused before all of it was sent.
        }

        return await answer;
    }

    private static string BodyOf(int bytes, string name)
    {
        JsonObject widget = WidgetServer.New(name);
        widget["spec"]!["text"] = "";
        int empty = Encoding.UTF8.GetByteCount(widget.ToJsonString());
        widget["spec"]!["text"] = new string('x', bytes - empty);
        return widget.ToJsonString();
    }

    private static async Task<Socket> ConnectAsync(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, port);
        return socket;
    }

    private static async Task SendAsync(Socket socket, string text)
    {
        ReadOnlyMemory<byte> rest = Encoding.ASCII.GetBytes(text);
        while (!rest.IsEmpty)
        {
            rest = rest[await socket.SendAsync(rest)..];
        }
    }

    // A connection that is cut with bytes still on the way shows as a reset or as an end: what came before counts.
    private static async Task<string> ReadToEndAsync(Socket socket)
    {
        var text = new StringBuilder();
        byte[] buffer = new byte[4096];
        try
        {
            int read;
            while ((read = await socket.ReceiveAsync(buffer)) > 0)
            {
                text.Append(Encoding.Latin1.GetString(buffer, 0, read));
            }
        }
        catch (SocketException)
        {
        }

        return text.ToString();
    }
}
