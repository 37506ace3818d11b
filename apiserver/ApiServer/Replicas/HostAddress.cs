using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace AiModels.ApiServer.Replicas;

/// <summary>An address that others on the network can use.</summary>
internal static class HostAddress
{
    /// <summary>The address itself; for "all addresses" the first of the host that is not loopback (in a Pod there is one), else loopback.</summary>
    public static IPAddress Of(string address)
    {
        var given = IPAddress.Parse(address);
        return given.Equals(IPAddress.Any) || given.Equals(IPAddress.IPv6Any) ? First() : given;
    }

    private static IPAddress First() => NetworkInterface.GetAllNetworkInterfaces()
        .Where(network => network.OperationalStatus == OperationalStatus.Up && network.NetworkInterfaceType != NetworkInterfaceType.Loopback)
        .SelectMany(network => network.GetIPProperties().UnicastAddresses)
        .Select(unicast => unicast.Address)
        .Where(address => !address.IsIPv6LinkLocal)
        .OrderBy(address => address.AddressFamily == AddressFamily.InterNetwork ? 0 : 1)
        .FirstOrDefault(IPAddress.Loopback);
}
