using System.Net;
using System.Net.Sockets;

namespace AiModels.Controllers.Preparation.Sources.Hubs;

/// <summary>How far an address reaches. The nearer it is, the more a request from inside of the cluster can do there that one from outside cannot.</summary>
internal enum NetworkReach
{
    /// <summary>Of the internet.</summary>
    Public,

    /// <summary>Of a private network: RFC 1918, RFC 6598 (shared), RFC 4193.</summary>
    Private,

    /// <summary>This machine.</summary>
    Loopback,

    /// <summary>Of the link, where clouds keep their metadata services; and what is no address of one host at all.</summary>
    Forbidden,
}

/// <summary>Tells the reach of addresses, and where a hub may redirect to.</summary>
internal static class NetworkReaches
{
    private static readonly IPNetwork[] Private =
    [
        IPNetwork.Parse("10.0.0.0/8"), IPNetwork.Parse("172.16.0.0/12"), IPNetwork.Parse("192.168.0.0/16"), IPNetwork.Parse("100.64.0.0/10"), IPNetwork.Parse("fc00::/7"),
    ];

    // Link-local, "this network", protocol assignments, multicast and reserved; AWS keeps its metadata service at a unique local address as well.
    private static readonly IPNetwork[] Forbidden =
    [
        IPNetwork.Parse("169.254.0.0/16"), IPNetwork.Parse("fe80::/10"), IPNetwork.Parse("fd00:ec2::/32"), IPNetwork.Parse("0.0.0.0/8"), IPNetwork.Parse("192.0.0.0/24"),
        IPNetwork.Parse("224.0.0.0/3"), IPNetwork.Parse("ff00::/8"), IPNetwork.Parse("::/128"),
    ];

    // RFC 6052: in a network without IPv4, its addresses look like this.
    private static readonly IPNetwork Translated = IPNetwork.Parse("64:ff9b::/96");

    public static NetworkReach Of(IPAddress address)
    {
        IPAddress plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4()
            : Contains(Translated, address) ? new IPAddress(address.GetAddressBytes().AsSpan(12))
            : address;
        return IPAddress.IsLoopback(plain) ? NetworkReach.Loopback
            : Forbidden.Any(network => Contains(network, plain)) ? NetworkReach.Forbidden
            : Private.Any(network => Contains(network, plain)) ? NetworkReach.Private
            : NetworkReach.Public;
    }

    /// <summary>
    /// Whether a hub may send us to such an address: to the internet always; nearer only as near as the hub itself was configured to be, because then whoever
    /// configured it knows that network; to the link never.
    /// </summary>
    public static bool MayRedirect(NetworkReach hub, NetworkReach target) =>
        target == NetworkReach.Public || (target != NetworkReach.Forbidden && hub != NetworkReach.Forbidden && target <= hub);

    private static bool Contains(IPNetwork network, IPAddress address) =>
        network.BaseAddress.AddressFamily == address.AddressFamily && network.Contains(address);
}

/// <summary>
/// Connects to the addresses of hosts that a hub redirects to, and only to those that it may redirect to. What was checked is what is connected to: a name
/// cannot change its address in between.
/// </summary>
internal sealed class GuardedConnections(Uri hub, IWebProxy proxy)
{
    /// <summary>For <see cref="SocketsHttpHandler.ConnectCallback"/>.</summary>
    public async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        DnsEndPoint target = context.DnsEndPoint;
        IPAddress[] addresses = await ResolveAsync(target.Host, cancellationToken);

        // A proxy is somebody's own choice, and what it connects to is its own affair.
        Uri request = context.InitialRequestMessage.RequestUri!;
        bool isProxy = !proxy.IsBypassed(request) && proxy.GetProxy(request)?.IdnHost == target.Host;
        bool isChosen = isProxy || target.Host == hub.IdnHost;
        IPAddress[] allowed = isChosen ? addresses : await AllowedAsync(target.Host, addresses, cancellationToken);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(allowed, target.Port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private async Task<IPAddress[]> AllowedAsync(string host, IPAddress[] addresses, CancellationToken cancellationToken)
    {
        NetworkReach reach = (await ResolveAsync(hub.IdnHost, cancellationToken)).Select(NetworkReaches.Of).DefaultIfEmpty(NetworkReach.Public).Max();
        IPAddress[] allowed = [.. addresses.Where(address => NetworkReaches.MayRedirect(reach, NetworkReaches.Of(address)))];
        return allowed.Length > 0 ? allowed : throw new HubException(
            $"{hub.Host} redirects to {host} ({string.Join(", ", addresses.Take(4).Select(address => $"{address}"))}), which is no address of the internet. "
            + "A hub is followed into a private network only when its own address is of one; to link-local addresses never.", HttpStatusCode.BadRequest);
    }

    private static async Task<IPAddress[]> ResolveAsync(string host, CancellationToken cancellationToken) =>
        IPAddress.TryParse(host.Trim('[', ']'), out IPAddress? address) ? [address] : await Dns.GetHostAddressesAsync(host, cancellationToken);
}
