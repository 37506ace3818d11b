using System.Buffers.Binary;
using System.Text;

namespace AiModels.Bench;

/// <summary>The few frames of HTTP/2 (RFC 9113) that a client sends which only watches.</summary>
internal static class Http2Frames
{
    public const int HeaderSize = 9;
    public const byte Data = 0, Headers = 1, ResetStream = 3, Settings = 4, Ping = 6, GoAway = 7;
    public const byte Acknowledged = 1;

    // END_STREAM and END_HEADERS: a request without a body.
    private const byte WholeRequest = 0x5;
    private const byte WindowUpdate = 8;
    private const int LargestWindow = int.MaxValue;
    private const int FirstConnectionWindow = 65_535;

    /// <summary>The preface, with windows so large that streams need no updates within a measurement.</summary>
    public static byte[] Preface()
    {
        // SETTINGS_INITIAL_WINDOW_SIZE is 4.
        byte[] largest = [0, 4, .. BigEndian(LargestWindow)];
        return [.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, .. Frame(Settings, 0, 0, largest), .. Window(LargestWindow - FirstConnectionWindow)];
    }

    /// <summary>Room for so many more bytes on the connection.</summary>
    public static byte[] Window(int bytes) => Frame(WindowUpdate, 0, 0, BigEndian(bytes));

    /// <summary>A GET over TLS. Its fields are encoded as RFC 7541 allows at least: indexed where the static table has them, else literal and not compressed.</summary>
    public static byte[] Get(int stream, string authority, string path, string token) => Frame(Headers, WholeRequest, stream,
        [0x82, 0x87, .. Literal([0x04], path), .. Literal([0x01], authority), .. Literal([0x0f, 23 - 15], "Bearer " + token)]);

    /// <summary>Any frame.</summary>
    public static byte[] Frame(byte type, byte flags, int stream, byte[] payload) =>
        [.. BigEndian(payload.Length)[1..], type, flags, .. BigEndian(stream), .. payload];

    private static byte[] Literal(byte[] name, string value)
    {
        // Lengths of 127 and more are continued in groups of seven bits (RFC 7541, 5.1).
        var length = new List<byte> { (byte)Math.Min(value.Length, 127) };
        for (int rest = value.Length - 127; rest >= 0 && length[^1] >= 127; rest >>= 7)
        {
            length.Add((byte)(rest < 128 ? rest : rest | 128));
        }

        return [.. name, .. length, .. Encoding.ASCII.GetBytes(value)];
    }

    private static byte[] BigEndian(int value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes;
    }
}
