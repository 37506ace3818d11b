using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace AiModels.ApiServer.Tests.ApiMachinery.Http;

/// <summary>An HTTP/2 client of few words (RFC 9113), for what no well-behaved client does.</summary>
internal sealed class HttpFrames : IDisposable
{
    public const byte Data = 0, Headers = 1, ResetStream = 3, Settings = 4, GoAway = 7, WindowUpdate = 8, Continuation = 9;
    private const byte EndStream = 1, EndHeaders = 4, Acknowledge = 1;

    private readonly Socket _socket;
    private readonly NetworkStream _stream;

    private HttpFrames(Socket socket) => (_socket, _stream) = (socket, new NetworkStream(socket));

    /// <summary>Whether the frame that was read last ended its stream.</summary>
    public bool HasEnded { get; private set; }

    /// <summary>Connects with prior knowledge and opens wide windows, so that the server never waits for them.</summary>
    public static async Task<HttpFrames> ConnectAsync(int port, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, port, cancellationToken);
        var connection = new HttpFrames(socket);
        await connection._stream.WriteAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray(), cancellationToken);
        await connection.WriteAsync(Settings, 0, 0, [], cancellationToken);
        await connection.WriteAsync(WindowUpdate, 0, 0, [0x7f, 0, 0, 0], cancellationToken);
        return connection;
    }

    /// <summary>A GET without a body, with a bearer token where one is given. Streams of clients have odd numbers.</summary>
    public ValueTask GetAsync(int stream, string path, CancellationToken cancellationToken, string? token = null) =>
        WriteAsync(Headers, EndStream | EndHeaders, stream, [.. HeaderBlock(path), .. token is null ? [] : Authorization($"Bearer {token}")], cancellationToken);

    /// <summary>A GET whose headers do not end: as many go on with <see cref="ContinueAsync"/>.</summary>
    public ValueTask BeginAsync(int stream, string path, CancellationToken cancellationToken) => WriteAsync(Headers, EndStream, stream, HeaderBlock(path), cancellationToken);

    /// <summary>One more header, in a frame of its own that is not the last.</summary>
    public ValueTask ContinueAsync(int stream, CancellationToken cancellationToken) =>
        WriteAsync(Continuation, 0, stream, [0x00, 6, .. "x-more"u8, 100, .. new byte[100].Select(_ => (byte)'x')], cancellationToken);

    public ValueTask ResetAsync(int stream, CancellationToken cancellationToken) => WriteAsync(ResetStream, 0, stream, [0, 0, 0, 8], cancellationToken);

    /// <summary>The next frame; type -1 when the server has closed the connection, politely or not.</summary>
    public async Task<(int Type, int Stream)> ReadAsync(CancellationToken cancellationToken)
    {
        byte[] header = new byte[9];
        try
        {
            await _stream.ReadExactlyAsync(header, cancellationToken);
            await _stream.ReadExactlyAsync(new byte[(header[0] << 16) | (header[1] << 8) | header[2]], cancellationToken);
        }
        catch (IOException)
        {
            return (-1, 0);
        }

        HasEnded = header[3] is Data or Headers && (header[4] & EndStream) != 0;
        if (header[3] == Settings && header[4] != Acknowledge)
        {
            await WriteAsync(Settings, Acknowledge, 0, [], cancellationToken);
        }

        return (header[3], BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(5)));
    }

    public void Dispose()
    {
        _stream.Dispose();
        _socket.Dispose();
    }

    private async ValueTask WriteAsync(byte type, byte flags, int stream, byte[] payload, CancellationToken cancellationToken)
    {
        byte[] frame = new byte[9 + payload.Length];
        (frame[0], frame[1], frame[2]) = ((byte)(payload.Length >> 16), (byte)(payload.Length >> 8), (byte)payload.Length);
        (frame[3], frame[4]) = (type, flags);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame, 9);
        await _stream.WriteAsync(frame, cancellationToken);
    }

    // Index 23 of HPACK's static table, with a literal that no index keeps.
    private static byte[] Authorization(string value) => [0x0f, 23 - 15, (byte)value.Length, .. Encoding.ASCII.GetBytes(value)];

    // GET and http from HPACK's static table (RFC 7541, appendix A); path and authority as literals of at most 126 bytes.
    private static byte[] HeaderBlock(string path) =>
        [0x82, 0x86, 0x04, (byte)path.Length, .. Encoding.ASCII.GetBytes(path), 0x01, 9, .. "localhost"u8];
}
