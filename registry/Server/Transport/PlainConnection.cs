using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace AiModels.Registry.Transport;

/// <summary>Gives connections without TLS an output that can send files (<see cref="IFileSender"/>).</summary>
internal static class PlainConnection
{
    public static void SendFilesByKernel(this ListenOptions listen) => listen.Use(next => async connection =>
    {
        if (connection.Features.Get<IConnectionSocketFeature>()?.Socket is not Socket socket)
        {
            await next(connection);
            return;
        }

        IDuplexPipe transport = connection.Transport;
        using var output = new SocketOutput(connection, socket, transport.Output);
        connection.Features.Set<IFileSender>(output);
        connection.Transport = new Duplex(transport.Input, output);
        try
        {
            await next(connection);
        }
        finally
        {
            connection.Transport = transport;
        }
    });

    private sealed class Duplex(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input { get; } = input;

        public PipeWriter Output { get; } = output;
    }
}
