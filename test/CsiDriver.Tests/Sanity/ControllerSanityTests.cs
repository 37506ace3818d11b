using AiModels.CsiDriver.Protos;
using AiModels.Hosting.Grpc;

namespace AiModels.CsiDriver.Tests.Sanity;

/// <summary>The list of csi-sanity (kubernetes-csi/csi-test, pkg/sanity/controller.go) for a driver that provisions nothing.</summary>
[TestClass]
public sealed class ControllerSanityTests
{
    public TestContext TestContext { get; set; } = null!;

    [TestMethod, Timeout(30_000)]
    public async Task ControllerGetCapabilities_Called_NamesNone()
    {
        await using RunningDriver driver = await RunningDriver.StartAsync(TestContext.CancellationToken);
        Assert.IsEmpty((await driver.CallAsync(CsiMethods.ControllerGetCapabilities, new ControllerGetCapabilitiesRequest())).Capabilities);
    }

    [TestMethod, Timeout(30_000)]
    public async Task ValidateVolumeCapabilities_WithoutVolumeId_IsInvalidArgument()
    {
        await using RunningDriver driver = await RunningDriver.StartAsync(TestContext.CancellationToken);
        Assert.AreEqual(RpcCode.InvalidArgument, await driver.CodeOfAsync(CsiMethods.ValidateVolumeCapabilities, new ValidateVolumeCapabilitiesRequest()));
    }

    [TestMethod, Timeout(30_000)]
    public async Task ValidateVolumeCapabilities_WithoutCapabilities_IsInvalidArgument()
    {
        await using RunningDriver driver = await RunningDriver.StartAsync(TestContext.CancellationToken);
        Assert.AreEqual(RpcCode.InvalidArgument, await driver.CodeOfAsync(CsiMethods.ValidateVolumeCapabilities, new ValidateVolumeCapabilitiesRequest { VolumeId = "x" }));
    }

    [TestMethod, Timeout(30_000)]
    public async Task ValidateVolumeCapabilities_OfAnUnknownVolume_IsNotFound()
    {
        await using RunningDriver driver = await RunningDriver.StartAsync(TestContext.CancellationToken);
        var request = new ValidateVolumeCapabilitiesRequest { VolumeId = "x", VolumeCapabilities = { new VolumeCapability() } };
        Assert.AreEqual(RpcCode.NotFound, await driver.CodeOfAsync(CsiMethods.ValidateVolumeCapabilities, request));
    }

    [TestMethod, Timeout(30_000)]
    public async Task CreateVolume_Called_IsUnimplemented()
    {
        await using RunningDriver driver = await RunningDriver.StartAsync(TestContext.CancellationToken);
        var method = new GrpcMethod<ProbeRequest, ProbeResponse>("csi.v1.Controller", "CreateVolume", ProbeRequest.Parser, ProbeResponse.Parser);
        Assert.AreEqual(RpcCode.Unimplemented, await driver.CodeOfAsync(method, new ProbeRequest()));
    }
}
