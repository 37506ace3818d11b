using System.Diagnostics;
using System.Net.Security;
using System.Net.Sockets;

namespace AiModels.Bench;

/// <summary>
/// Watches of one HTTP/2 connection, read frame by frame: HttpClient spent more processor time on a delivery than the server did, on the same processors,
/// and what was measured was the client.
/// </summary>
internal sealed class WatchConnection(Uri server, string token, IWatchObserver observer)
{
    // Of so many deliveries the age of one is taken: a sample will do for percentiles.
    private const int SampleEvery = 16;
    private const int WindowStep = 1 << 20;

    private readonly byte[] _buffer = new byte[256 * 1024];
    private int _start, _end, _unacknowledged, _lines;

    /// <summary>Opens watches of a path and reads them until cancelled.</summary>
    public async Task RunAsync(string path, int watches, CancellationToken stop)
    {
        using var socket = new TcpClient { NoDelay = true };
        await socket.ConnectAsync(server.Host, server.Port, stop);
        await using var tls = new SslStream(socket.GetStream());
        await tls.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions { TargetHost = server.Host, ApplicationProtocols = [SslApplicationProtocol.Http2] }, stop);
        await tls.WriteAsync(Http2Frames.Preface(), stop);
        for (int i = 0; i < watches; i++)
        {
            await tls.WriteAsync(Http2Frames.Get((2 * i) + 1, server.Authority, path, token), stop);
        }

        while (true)
        {
            int needed = Parse(out byte[]? answer);
            if (answer is not null)
            {
                await tls.WriteAsync(answer, stop);
                continue;
            }

            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
            int read = await tls.ReadAtLeastAsync(_buffer.AsMemory(_end), needed, throwOnEndOfStream: true, stop);
            _end += read;
        }
    }

    // Takes the whole frames that are there. Answers how many bytes the next one lacks at least; or what is to be sent first.
    private int Parse(out byte[]? answer)
    {
        answer = null;
        while (true)
        {
            ReadOnlySpan<byte> rest = _buffer.AsSpan(_start, _end - _start);
            if (rest.Length < Http2Frames.HeaderSize)
            {
                return Http2Frames.HeaderSize - rest.Length;
            }

            int length = (rest[0] << 16) | (rest[1] << 8) | rest[2];
            if (rest.Length < Http2Frames.HeaderSize + length)
            {
                return Http2Frames.HeaderSize + length - rest.Length;
            }

            _start += Http2Frames.HeaderSize + length;
            answer = Take(rest[3], rest[4], rest.Slice(Http2Frames.HeaderSize, length));
            if (answer is not null)
            {
                return 0;
            }
        }
    }

    private byte[]? Take(byte type, byte flags, ReadOnlySpan<byte> payload)
    {
        switch (type)
        {
            case Http2Frames.Data:
                Count(payload);
                _unacknowledged += payload.Length;
                return _unacknowledged >= WindowStep ? Http2Frames.Window(Interlocked.Exchange(ref _unacknowledged, 0)) : null;
            case Http2Frames.Headers when payload[0] == 0x88: // :status 200
                observer.Opened();
                return null;
            case Http2Frames.Settings when (flags & Http2Frames.Acknowledged) == 0:
                return Http2Frames.Frame(Http2Frames.Settings, Http2Frames.Acknowledged, 0, []);
            case Http2Frames.Ping when (flags & Http2Frames.Acknowledged) == 0:
                return Http2Frames.Frame(Http2Frames.Ping, Http2Frames.Acknowledged, 0, payload.ToArray());
            case Http2Frames.Headers or Http2Frames.ResetStream or Http2Frames.GoAway:
                throw new InvalidOperationException($"The server refused or ended a watch (frame of type {type}: {Convert.ToHexString(payload)}).");
            default:
                return null;
        }
    }

    // Each event is a line; within JSON there is no other newline.
    private void Count(ReadOnlySpan<byte> payload)
    {
        int lines = payload.Count((byte)'\n');
        int before = _lines;
        _lines += lines;
        double? age = before / SampleEvery != _lines / SampleEvery && Sent(payload) is { } sent ? Stopwatch.GetElapsedTime(sent).TotalMilliseconds : null;
        observer.Delivered(lines, age);
    }

    private static long? Sent(ReadOnlySpan<byte> events)
    {
        ReadOnlySpan<byte> label = "\"sent\":\""u8;
        int at = events.IndexOf(label);
        return at >= 0 && System.Buffers.Text.Utf8Parser.TryParse(events[(at + label.Length)..], out long sent, out int digits)
            && at + label.Length + digits < events.Length ? sent : null;
    }
}

/// <summary>Who counts. Called by all connections at once.</summary>
internal interface IWatchObserver
{
    /// <summary>One more watch was answered.</summary>
    void Opened();

    /// <param name="age">Milliseconds since one of these events was sent, if it was looked at.</param>
    void Delivered(int events, double? age);
}
