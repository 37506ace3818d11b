using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace AiModels.Registry;

/// <summary>One address to serve on.</summary>
internal sealed record ListenAddress
{
    private const string UnixPrefix = "unix://";

    /// <summary>Path of a unix socket, or null.</summary>
    public string? Socket { get; private init; }

    public bool IsHttps { get; private init; }

    /// <summary>Loopback, any address, or a specific one; null for the name localhost, which is both loopbacks.</summary>
    public IPAddress? Address { get; private init; }

    public int Port { get; private init; }

    /// <summary>Whether only this machine can reach it.</summary>
    public bool IsLocal => Socket is not null || Address is null || IPAddress.IsLoopback(Address);

    public static bool TryParse(string text, [NotNullWhen(true)] out ListenAddress? address)
    {
        address = null;
        if (text.StartsWith(UnixPrefix, StringComparison.Ordinal))
        {
            string path = text[UnixPrefix.Length..];
            address = Path.IsPathRooted(path) ? new ListenAddress { Socket = path } : null;
            return address is not null;
        }

        // Not Uri: it would add a default port and rewrite hosts.
        (bool isHttps, int start) = text switch
        {
            _ when text.StartsWith("http://", StringComparison.Ordinal) => (false, 7),
            _ when text.StartsWith("https://", StringComparison.Ordinal) => (true, 8),
            _ => (false, -1),
        };
        if (start < 0)
        {
            return false;
        }

        string rest = text[start..].TrimEnd('/');
        int colon = rest.LastIndexOf(':');
        if (colon < 0 || !int.TryParse(rest.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int port) || port > IPEndPoint.MaxPort)
        {
            return false;
        }

        string host = rest[..colon].Trim('[', ']');
        IPAddress? ip = null;
        if (host != "localhost" && !IPAddress.TryParse(host is "*" or "+" ? "::" : host, out ip))
        {
            return false;
        }

        address = new ListenAddress { IsHttps = isHttps, Address = ip, Port = port };
        return true;
    }

    /// <summary>Makes Kestrel listen here.</summary>
    public void Bind(KestrelServerOptions kestrel, Action<ListenOptions> configure)
    {
        if (Socket is not null)
        {
            // What a killed process left behind.
            File.Delete(Socket);
            Directory.CreateDirectory(Path.GetDirectoryName(Socket)!);
            kestrel.ListenUnixSocket(Socket, configure);
        }
        else if (Address is null)
        {
            kestrel.ListenLocalhost(Port, configure);
        }
        else
        {
            kestrel.Listen(Address, Port, configure);
        }
    }
}
