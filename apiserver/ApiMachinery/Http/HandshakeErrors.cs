using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace AiModels.ApiMachinery.Http;

/// <summary>Counts connections whose TLS handshake fails: certificates that nobody trusts, plain HTTP, probes that only connect (contract H4).</summary>
public static class HandshakeErrors
{
    /// <summary>Adds TLS as <paramref name="useTls"/> says. What Kestrel runs after TLS it runs only when the handshake succeeded, so that two layers around it tell.</summary>
    public static void CountHandshakeErrors(this ListenOptions listen, Action<ListenOptions> useTls)
    {
        ApiMachineryMetrics metrics = listen.ApplicationServices.GetRequiredService<ApiMachineryMetrics>();
        listen.Use(next => connection => WatchAsync(connection, next, metrics));
        useTls(listen);
        listen.Use(next => connection =>
        {
            connection.Items[typeof(HandshakeErrors)] = true;
            return next(connection);
        });
    }

    private static async Task WatchAsync(ConnectionContext connection, ConnectionDelegate next, ApiMachineryMetrics metrics)
    {
        try
        {
            await next(connection);
        }
        finally
        {
            if (!connection.Items.ContainsKey(typeof(HandshakeErrors)))
            {
                metrics.HandshakeFailed();
            }
        }
    }
}
