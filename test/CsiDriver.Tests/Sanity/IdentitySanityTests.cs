using System.Text.RegularExpressions;
using AiModels.CsiDriver.Protos;
using AiModels.Hosting.Grpc;

namespace AiModels.CsiDriver.Tests.Sanity;

/// <summary>The list of csi-sanity (kubernetes-csi/csi-test, pkg/sanity/identity.go), over the real socket.</summary>
[TestClass]
public sealed class IdentitySanityTests
{
    public TestContext TestContext { get; set; } = null!;

    [TestMethod, Timeout(30_000)]
    public async Task GetPluginCapabilities_Called_NamesOnlyKnownServices()
    {
        await using RunningDriver driver = await RunningDriver.StartAsync(TestContext.CancellationToken);
        GetPluginCapabilitiesResponse response = await driver.CallAsync(CsiMethods.GetPluginCapabilities, new GetPluginCapabilitiesRequest());
        Assert.AreEqual(PluginCapability.Types.Service.Types.Type.ControllerService, response.Capabilities.Single().Service.Type);
    }

    [TestMethod, Timeout(30_000)]
    public async Task Probe_Called_IsReady()
    {
        await using RunningDriver driver = await RunningDriver.StartAsync(TestContext.CancellationToken);
        Assert.IsTrue((await driver.CallAsync(CsiMethods.Probe, new ProbeRequest())).Ready);
    }

    [TestMethod, Timeout(30_000)]
    public async Task GetPluginInfo_Called_HasANameOfTheRightForm()
    {
        await using RunningDriver driver = await RunningDriver.StartAsync(TestContext.CancellationToken);
        GetPluginInfoResponse info = await driver.CallAsync(CsiMethods.GetPluginInfo, new GetPluginInfoRequest());
        Assert.AreEqual("node-cache.ai-models.deckhouse.io", info.Name);
        Assert.MatchesRegex(new Regex(@"^[a-zA-Z][A-Za-z0-9._-]{0,61}[a-zA-Z]$"), info.Name);
        Assert.AreNotEqual("", info.VendorVersion);
    }

    [TestMethod, Timeout(30_000)]
    public async Task Registration_GetInfo_TellsKubeletTheSocket()
    {
        await using RunningDriver driver = await RunningDriver.StartAsync(TestContext.CancellationToken);
        using var kubelet = GrpcChannel.ForUnixSocket(Path.Combine(driver.Folder, "reg.sock"), TimeProvider.System);
        PluginInfo info = await kubelet.CallAsync(CsiMethods.GetInfo, new InfoRequest(), null, TestContext.CancellationToken);
        Assert.AreEqual("CSIPlugin", info.Type);
        Assert.AreEqual("node-cache.ai-models.deckhouse.io", info.Name);
        Assert.AreEqual(Path.Combine(driver.Folder, "csi.sock"), info.Endpoint);
        await kubelet.CallAsync(CsiMethods.NotifyRegistrationStatus, new RegistrationStatus { PluginRegistered = true }, null, TestContext.CancellationToken);
    }
}
