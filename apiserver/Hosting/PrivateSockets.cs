using System.Net.Sockets;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace AiModels.Hosting;

/// <summary>Unix sockets that only their owner may connect to.</summary>
public static class PrivateSockets
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>
    /// Gives every unix socket of this host the mode 0600, whatever the umask is. The mode is set between bind and listen, so that nobody connects before it is.
    /// </summary>
    public static IWebHostBuilder UsePrivateSockets(this IWebHostBuilder builder) => builder.UseSockets(transport => transport.CreateBoundListenSocket = endpoint =>
    {
        Socket socket = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
        if (endpoint is UnixDomainSocketEndPoint)
        {
            File.SetUnixFileMode(endpoint.ToString()!, OwnerOnly);
        }

        return socket;
    });
}
