using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace AiModels.ModelPack.Client;

/// <summary>Turns an address into a base URL and a handler that connects to it.</summary>
internal static class RegistryAddress
{
    private const string UnixScheme = "unix://";

    public static (Uri BaseAddress, HttpMessageHandler Handler) Open(RegistryClientOptions options)
    {
        string? socketPath = options.Address.StartsWith(UnixScheme, StringComparison.Ordinal) ? options.Address[UnixScheme.Length..] : null;
        if (socketPath is not null && !socketPath.StartsWith('/'))
        {
            throw new FormatException($"'{options.Address}' is not a registry address: want unix:///absolute/path.");
        }

        Uri baseAddress = socketPath is null ? ParseUrl(options.Address) : new Uri("http://localhost/");
        return (baseAddress, options.Handler ?? MakeHandler(options, socketPath));
    }

    private static Uri ParseUrl(string address)
    {
        bool isUrl = Uri.TryCreate(address, UriKind.Absolute, out Uri? url) && url.Scheme is "http" or "https" && url.UserInfo.Length == 0 && url.PathAndQuery == "/";
        return isUrl ? url! : throw new FormatException($"'{address}' is not a registry address: want https://host[:port], http://host[:port] or unix:///path.");
    }

    private static SocketsHttpHandler MakeHandler(RegistryClientOptions options, string? socketPath)
    {
        var handler = new SocketsHttpHandler
        {
            // Redirects are followed by hand, because credentials must not go to another host.
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,
            ConnectTimeout = options.ConnectTimeout,
            PooledConnectionIdleTimeout = TimeSpan.FromMinutes(2),

            // A proxy of the environment is for the internet and not for a registry beside us; S3 redirects may need it.
            UseProxy = socketPath is null,
            ActivityHeadersPropagator = System.Diagnostics.DistributedContextPropagator.Current,
        };
        if (socketPath is not null)
        {
            handler.ConnectCallback = async (_, cancellationToken) => await ConnectAsync(socketPath, cancellationToken);
        }

        if (options.TrustedRoots is { } roots)
        {
            handler.SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = PolicyFor(roots) };
        }

        return handler;
    }

    private static X509ChainPolicy PolicyFor(X509Certificate2Collection roots)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(roots);
        return policy;
    }

    private static async Task<Stream> ConnectAsync(string path, CancellationToken cancellationToken)
    {
        // 1 MiB each way: with the default of 208 KiB both sides wake up five times as often for bulk bytes.
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { SendBufferSize = 1 << 20, ReceiveBufferSize = 1 << 20 };
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
