using System.Net;
using AiModels.Controllers.Preparation.Sources.Hubs;

namespace AiModels.Controllers.Tests.Preparation.Sources.Hubs;

[TestClass]
public sealed class NetworkReachTests
{
    [TestMethod]
    [DataRow("104.18.0.1", nameof(NetworkReach.Public))]
    [DataRow("2606:4700::1", nameof(NetworkReach.Public))]
    [DataRow("64:ff9b::6812:1", nameof(NetworkReach.Public))]
    [DataRow("10.1.2.3", nameof(NetworkReach.Private))]
    [DataRow("172.31.255.255", nameof(NetworkReach.Private))]
    [DataRow("172.32.0.1", nameof(NetworkReach.Public))]
    [DataRow("192.168.1.1", nameof(NetworkReach.Private))]
    [DataRow("100.100.100.200", nameof(NetworkReach.Private))]
    [DataRow("fd12::1", nameof(NetworkReach.Private))]
    [DataRow("::ffff:10.0.0.1", nameof(NetworkReach.Private))]
    [DataRow("127.0.0.1", nameof(NetworkReach.Loopback))]
    [DataRow("127.8.8.8", nameof(NetworkReach.Loopback))]
    [DataRow("::1", nameof(NetworkReach.Loopback))]
    [DataRow("169.254.169.254", nameof(NetworkReach.Forbidden))]
    [DataRow("::ffff:169.254.169.254", nameof(NetworkReach.Forbidden))]
    [DataRow("64:ff9b::a9fe:a9fe", nameof(NetworkReach.Forbidden))]
    [DataRow("fd00:ec2::254", nameof(NetworkReach.Forbidden))]
    [DataRow("fe80::1", nameof(NetworkReach.Forbidden))]
    [DataRow("0.0.0.0", nameof(NetworkReach.Forbidden))]
    [DataRow("239.1.1.1", nameof(NetworkReach.Forbidden))]
    [DataRow("::", nameof(NetworkReach.Forbidden))]
    public void Of_AnAddress_IsAsItsNetworkSays(string address, string expected) =>
        Assert.AreEqual(expected, $"{NetworkReaches.Of(IPAddress.Parse(address))}");

    [TestMethod]
    public void MayRedirect_NearerThanTheHub_OnlyWhereTheHubIs()
    {
        (NetworkReach Hub, NetworkReach Target)[] allowed =
        [
            .. from hub in Enum.GetValues<NetworkReach>() from target in Enum.GetValues<NetworkReach>() where NetworkReaches.MayRedirect(hub, target) select (hub, target),
        ];
        CollectionAssert.AreEqual(
            new[]
            {
                (NetworkReach.Public, NetworkReach.Public),
                (NetworkReach.Private, NetworkReach.Public), (NetworkReach.Private, NetworkReach.Private),
                (NetworkReach.Loopback, NetworkReach.Public), (NetworkReach.Loopback, NetworkReach.Private), (NetworkReach.Loopback, NetworkReach.Loopback),
                (NetworkReach.Forbidden, NetworkReach.Public),
            },
            allowed);
    }
}
