using System.Net.Sockets;
using System.Text;

namespace AiModels.ApiServer.Tests.Hosting.Grpc;

/// <summary>Speaks raw HTTP/2, because no .NET client can be made to send a socket path as its authority the way grpc-go does.</summary>
[TestClass]
public sealed class AuthorityRewriterTests
{
    public TestContext TestContext { get; set; } = null!;

    [TestMethod, Timeout(30_000)]
    [DataRow("localhost")]
    [DataRow("/var/lib/kubelet/plugins_registry/driver-reg.sock")]
    [DataRow("%2Fvar%2Flib%2Fkubelet%2Fplugins%2Fcsi.sock")]
    public async Task Authority_OfAnyShape_ReachesTheMethod(string authority)
    {
        await using GrpcTestServer server = await GrpcTestServer.StartAsync();
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(server.Socket), TestContext.CancellationToken);
        await using var stream = new NetworkStream(socket);
        await stream.WriteAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray(), TestContext.CancellationToken);
        await stream.WriteAsync(Frame(type: 4, flags: 0, streamId: 0, []), TestContext.CancellationToken);

        // Stream 1 adds the authority to the dynamic table, stream 3 refers to it there (index 62: the newest entry).
        await stream.WriteAsync(Frame(1, 0x4, 1, Block(Literal(0x41, authority), content: true)), TestContext.CancellationToken);
        await stream.WriteAsync(Frame(0, 0x1, 1, [0, 0, 0, 0, 0]), TestContext.CancellationToken);
        Assert.IsTrue(await EndsWellAsync(stream, 1), "stream 1 was not answered");
        await stream.WriteAsync(Frame(1, 0x4, 3, Block([0x80 | 62], content: true)), TestContext.CancellationToken);
        await stream.WriteAsync(Frame(0, 0x1, 3, [0, 0, 0, 0, 0]), TestContext.CancellationToken);
        Assert.IsTrue(await EndsWellAsync(stream, 3), "stream 3 was not answered");
    }

    private static byte[] Block(byte[] authority, bool content) =>
    [
        0x83, 0x86, // :method POST, :scheme http
        .. Literal(0x04, "/test.Echo/Say"),
        .. authority,
        .. content ? Literal(0x0F, "application/grpc", 0x10) : [], // content-type: static index 31 = 15 + 16
    ];

    private static byte[] Literal(byte first, string value, params byte[] more) => [first, .. more, (byte)value.Length, .. Encoding.ASCII.GetBytes(value)];

    private static byte[] Frame(byte type, byte flags, int streamId, byte[] payload) =>
        [0, (byte)(payload.Length >> 8), (byte)payload.Length, type, flags, 0, 0, 0, (byte)streamId, .. payload];

    /// <summary>Reads frames until the stream ends (true) or is reset or the connection goes away (false).</summary>
    private async Task<bool> EndsWellAsync(NetworkStream stream, int streamId)
    {
        byte[] header = new byte[9];
        while (true)
        {
            await stream.ReadExactlyAsync(header, TestContext.CancellationToken);
            byte[] payload = new byte[header[0] << 16 | header[1] << 8 | header[2]];
            await stream.ReadExactlyAsync(payload, TestContext.CancellationToken);
            if (header[3] is 3 or 7)
            {
                return false;
            }

            if (header[8] == streamId && header[3] is 0 or 1 && (header[4] & 1) != 0)
            {
                return true;
            }
        }
    }
}
