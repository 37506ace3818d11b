using System.Net.Sockets;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace AiModels.Hosting.Grpc;

/// <summary>Serving gRPC on a unix socket, the way kubelet and the CSI sidecars dial it: HTTP/2 with prior knowledge, no TLS.</summary>
public static class GrpcUnixSocket
{
    /// <summary>
    /// Listens on a socket. A file left there by a process that is gone is removed; a socket that somebody still answers on is an
    /// <see cref="IOException"/>, because two drivers on one socket would mount behind each other's back.
    /// </summary>
    public static void ListenGrpc(this KestrelServerOptions kestrel, string socketPath)
    {
        RemoveStale(socketPath);
        kestrel.AddServerHeader = false;
        kestrel.Limits.Http2.MaxStreamsPerConnection = 1000; // the default of 100 stalls peers that multiplex everything over one connection
        kestrel.ListenUnixSocket(socketPath, listen =>
        {
            listen.Protocols = HttpProtocols.Http2; // without TLS there is no ALPN: HTTP/2 alone means prior knowledge
            listen.Use(next => connection =>
            {
                connection.Transport = new AuthorityRewriter(connection.Transport);
                return next(connection);
            });
        });
    }

    private static void RemoveStale(string socketPath)
    {
        if (!File.Exists(socketPath))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(socketPath))!);
            return;
        }

        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(socketPath));
        }
        catch (SocketException)
        {
            File.Delete(socketPath);
            return;
        }

        throw new IOException($"another process is serving {socketPath}");
    }
}
