using System.Net;
using System.Net.Sockets;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Storage;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.Api;

/// <summary>
/// Sends clients to the bucket for a blob's bytes by a URL that is signed for this blob and a short while. Off where the medium has no such URLs.
/// </summary>
internal sealed class BlobRedirects(IStorageBackend backend, RegistryOptions options)
{
    // 10 minutes to begin with the transfer; one that breaks later comes back here for a new URL.
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);

    private static readonly IPNetwork[] Private =
    [
        IPNetwork.Parse("10.0.0.0/8"), IPNetwork.Parse("172.16.0.0/12"), IPNetwork.Parse("192.168.0.0/16"), IPNetwork.Parse("100.64.0.0/10"), IPNetwork.Parse("169.254.0.0/16"),
        IPNetwork.Parse("127.0.0.0/8"), IPNetwork.Parse("fc00::/7"), IPNetwork.Parse("fe80::/10"), IPNetwork.Parse("::1/128"),
    ];

    /// <summary>Where this client shall fetch the blob, or null when it gets it here.</summary>
    public ValueTask<Uri?> FindAsync(HttpContext http, Digest digest, CancellationToken cancellationToken) =>
        IsSent(http) ? backend.GetDirectLinkAsync(StoragePaths.Blob(digest), Lifetime, cancellationToken) : ValueTask.FromResult<Uri?>(null);

    private bool IsSent(HttpContext http) => options.S3Redirects switch
    {
        // A client on a unix socket is beside us for a reason: it may have no network at all.
        _ when http.Connection.RemoteIpAddress is null => false,
        RedirectMode.On => true,
        RedirectMode.Internal => IsPrivate(http.Connection.RemoteIpAddress) && !http.Request.Headers.ContainsKey("X-Forwarded-For") && !http.Request.Headers.ContainsKey("Forwarded"),
        _ => false,
    };

    private static bool IsPrivate(IPAddress address)
    {
        IPAddress plain = address.AddressFamily == AddressFamily.InterNetworkV6 && address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return Private.Any(network => network.Contains(plain));
    }
}
