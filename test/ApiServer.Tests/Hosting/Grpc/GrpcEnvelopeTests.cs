using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using AiModels.Hosting.Grpc;

namespace AiModels.ApiServer.Tests.Hosting.Grpc;

/// <summary>What the server makes of envelopes that our own client never sends.</summary>
[TestClass]
public sealed class GrpcEnvelopeTests
{
    public TestContext TestContext { get; set; } = null!;

    [TestMethod, Timeout(30_000)]
    public async Task Encoding_NobodyAgreedOn_IsUnimplementedAndNamesIdentity()
    {
        using HttpResponseMessage response = await PostAsync("application/grpc", [0, 0, 0, 0, 0], ("grpc-encoding", "gzip"));
        Assert.AreEqual("12", Header(response, "grpc-status"));
        Assert.AreEqual("identity", Header(response, "grpc-accept-encoding"));
    }

    [TestMethod, Timeout(30_000)]
    public async Task CompressedFlag_WithoutEncoding_IsInternal()
    {
        using HttpResponseMessage response = await PostAsync("application/grpc+proto", [1, 0, 0, 0, 0]);
        Assert.AreEqual("13", Header(response, "grpc-status"));
    }

    [TestMethod, Timeout(30_000)]
    public async Task Message_CutShort_IsInternal()
    {
        using HttpResponseMessage response = await PostAsync("application/grpc", [0, 0, 0, 0, 9, 1, 2]);
        Assert.AreEqual("13", Header(response, "grpc-status"));
    }

    [TestMethod, Timeout(30_000)]
    public async Task Request_WithoutMessage_IsUnimplemented()
    {
        using HttpResponseMessage response = await PostAsync("application/grpc", []);
        Assert.AreEqual("12", Header(response, "grpc-status"));
    }

    [TestMethod, Timeout(30_000)]
    public async Task Timeout_ThatIsNone_IsInternal()
    {
        using HttpResponseMessage response = await PostAsync("application/grpc", [0, 0, 0, 0, 0], ("grpc-timeout", "soon"));
        Assert.AreEqual("13", Header(response, "grpc-status"));
    }

    [TestMethod, Timeout(30_000)]
    public async Task ContentType_ThatIsNotGrpc_IsHttp415()
    {
        using HttpResponseMessage response = await PostAsync("application/json", [0x7B, 0x7D]);
        Assert.AreEqual(HttpStatusCode.UnsupportedMediaType, response.StatusCode);
    }

    [TestMethod]
    [DataRow("5S", 5_000)]
    [DataRow("100m", 100)]
    [DataRow("1H", 3_600_000)]
    [DataRow("2M", 120_000)]
    [DataRow("5000u", 5)]
    [DataRow("5000000n", 5)]
    public void Timeout_InEveryUnit_IsRead(string text, int milliseconds)
    {
        Assert.IsTrue(GrpcProtocol.TryParseTimeout(text, out TimeSpan timeout));
        Assert.AreEqual(milliseconds, timeout.TotalMilliseconds);
    }

    [TestMethod]
    [DataRow("")]
    [DataRow("5")]
    [DataRow("S")]
    [DataRow("-5S")]
    [DataRow("123456789S")]
    [DataRow("5x")]
    public void Timeout_OutOfForm_IsRefused(string text) => Assert.IsFalse(GrpcProtocol.TryParseTimeout(text, out _));

    [TestMethod]
    public void Timeout_Formatted_ReadsBackAndHasAtMostEightDigits()
    {
        foreach (TimeSpan timeout in new[] { TimeSpan.FromMicroseconds(1), TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(3), TimeSpan.FromHours(30), TimeSpan.FromDays(400) })
        {
            string text = GrpcProtocol.FormatTimeout(timeout);
            Assert.IsLessThanOrEqualTo(9, text.Length);
            Assert.IsTrue(GrpcProtocol.TryParseTimeout(text, out TimeSpan read));
            Assert.AreEqual(timeout, read);
        }
    }

    private static string? Header(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out IEnumerable<string>? values) || response.TrailingHeaders.TryGetValues(name, out values) ? values.Single() : null;

    private async Task<HttpResponseMessage> PostAsync(string contentType, byte[] body, params (string Name, string Value)[] headers)
    {
        await using GrpcTestServer server = await GrpcTestServer.StartAsync();
        using var client = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellationToken) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(server.Socket), cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            },
        });
        using var request = new HttpRequestMessage(HttpMethod.Post, "http://localhost" + GrpcTestServer.Echo.Path)
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(body),
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue(contentType);
        foreach ((string name, string value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        HttpResponseMessage response = await client.SendAsync(request, TestContext.CancellationToken);
        await response.Content.LoadIntoBufferAsync(TestContext.CancellationToken);
        return response;
    }
}
