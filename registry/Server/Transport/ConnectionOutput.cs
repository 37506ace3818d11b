using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace AiModels.Registry.Transport;

/// <summary>Gives connections an output that can send files (<see cref="IFileSender"/>), with TLS and without.</summary>
internal static class ConnectionOutput
{
    /// <summary>For connections without TLS: the kernel sends files.</summary>
    public static void SendFilesByKernel(this ListenOptions listen) => listen.SendBySocket(isPlain: true);

    /// <summary>Below TLS: what was encrypted goes straight to the socket, without a copy and a change of threads between.</summary>
    public static void SendEncryptedBySocket(this ListenOptions listen) => listen.SendBySocket(isPlain: false);

    /// <summary>Above TLS: files are read into memory that is encrypted from where it lies.</summary>
    public static void SendFilesEncrypted(this ListenOptions listen) => listen.Use(next => async connection =>
    {
        using var output = new EncryptedOutput(connection.Transport.Output);
        connection.Features.Set<IFileSender>(output);
        await ReplaceAsync(connection, output, next);
    });

    private static void SendBySocket(this ListenOptions listen, bool isPlain) => listen.Use(next => async connection =>
    {
        if (connection.Features.Get<IConnectionSocketFeature>()?.Socket is not Socket socket)
        {
            await next(connection);
            return;
        }

        using var output = new SocketOutput(connection, socket, connection.Transport.Output);
        if (isPlain)
        {
            connection.Features.Set<IFileSender>(output);
        }

        await ReplaceAsync(connection, output, next);
    });

    /// <summary>Serves the connection with that output, and gives it back its own.</summary>
    private static async Task ReplaceAsync(ConnectionContext connection, PipeWriter output, ConnectionDelegate next)
    {
        IDuplexPipe transport = connection.Transport;
        connection.Transport = new Duplex(transport.Input, output);
        try
        {
            await next(connection);
        }
        finally
        {
            connection.Transport = transport;
        }
    }

    private sealed class Duplex(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input { get; } = input;

        public PipeWriter Output { get; } = output;
    }
}
