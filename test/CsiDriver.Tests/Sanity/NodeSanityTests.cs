using AiModels.CsiDriver.Protos;
using AiModels.Hosting.Grpc;

namespace AiModels.CsiDriver.Tests.Sanity;

/// <summary>The list of csi-sanity (kubernetes-csi/csi-test, pkg/sanity/node.go) for a driver without staging and controller, over the real socket.</summary>
[TestClass]
public sealed class NodeSanityTests
{
    public TestContext TestContext { get; set; } = null!;

    [TestMethod, Timeout(30_000)]
    public async Task NodeGetCapabilities_Called_NamesVolumeStatsOnly()
    {
        await using RunningDriver driver = await RunningDriver.StartAsync(TestContext.CancellationToken);
        NodeGetCapabilitiesResponse response = await driver.CallAsync(CsiMethods.NodeGetCapabilities, new NodeGetCapabilitiesRequest());
        Assert.AreEqual(NodeServiceCapability.Types.RPC.Types.Type.GetVolumeStats, response.Capabilities.Single().Rpc.Type);
    }

    [TestMethod, Timeout(30_000)]
    public async Task NodeGetInfo_Called_HasTheNodeId()
    {
        await using RunningDriver driver = await RunningDriver.StartAsync(TestContext.CancellationToken);
        NodeGetInfoResponse info = await driver.CallAsync(CsiMethods.NodeGetInfo, new NodeGetInfoRequest());
        Assert.AreEqual("node-1", info.NodeId);
        Assert.AreEqual(0, info.MaxVolumesPerNode);
    }

    [TestMethod, Timeout(30_000)]
    public async Task NodePublishVolume_WithoutVolumeId_IsInvalidArgument()
    {
        await using RunningDriver driver = await RunningDriver.StartAsync(TestContext.CancellationToken);
        Assert.AreEqual(RpcCode.InvalidArgument, await driver.CodeOfAsync(CsiMethods.NodePublishVolume, new NodePublishVolumeRequest()));
    }

    [TestMethod, Timeout(30_000)]
    public async Task NodePublishVolume_WithoutTargetPath_IsInvalidArgument()
    {
        await using RunningDriver driver = await RunningDriver.StartAsync(TestContext.CancellationToken);
        Assert.AreEqual(RpcCode.InvalidArgument, await driver.CodeOfAsync(CsiMethods.NodePublishVolume, driver.Publish(r => r.TargetPath = "")));
    }

    [TestMethod, Timeout(30_000)]
    public async Task NodePublishVolume_WithoutCapability_IsInvalidArgument()
    {
        await using RunningDriver driver = await RunningDriver.StartAsync(TestContext.CancellationToken);
        Assert.AreEqual(RpcCode.InvalidArgument, await driver.CodeOfAsync(CsiMethods.NodePublishVolume, driver.Publish(r => r.VolumeCapability = null)));
    }

    [TestMethod, Timeout(30_000)]
    public async Task NodeUnpublishVolume_WithoutVolumeId_IsInvalidArgument()
    {
        await using RunningDriver driver = await RunningDriver.StartAsync(TestContext.CancellationToken);
        Assert.AreEqual(RpcCode.InvalidArgument, await driver.CodeOfAsync(CsiMethods.NodeUnpublishVolume, new NodeUnpublishVolumeRequest { TargetPath = driver.Target }));
    }

    [TestMethod, Timeout(30_000)]
    public async Task NodeUnpublishVolume_WithoutTargetPath_IsInvalidArgument()
    {
        await using RunningDriver driver = await RunningDriver.StartAsync(TestContext.CancellationToken);
        Assert.AreEqual(RpcCode.InvalidArgument, await driver.CodeOfAsync(CsiMethods.NodeUnpublishVolume, new NodeUnpublishVolumeRequest { VolumeId = "csi-1" }));
    }

    [TestMethod, Timeout(30_000)]
    public async Task NodeUnpublishVolume_AfterPublish_RemovesTheTargetPath()
    {
        await using RunningDriver driver = await RunningDriver.StartAsync(TestContext.CancellationToken);
        await driver.CallAsync(CsiMethods.NodePublishVolume, driver.Publish());
        Assert.IsTrue(Directory.Exists(driver.Target));
        await driver.CallAsync(CsiMethods.NodeUnpublishVolume, driver.Unpublish());
        Assert.IsFalse(Directory.Exists(driver.Target));
    }

    [TestMethod, Timeout(30_000)]
    public async Task NodeGetVolumeStats_WithoutVolumeId_IsInvalidArgument()
    {
        await using RunningDriver driver = await RunningDriver.StartAsync(TestContext.CancellationToken);
        Assert.AreEqual(RpcCode.InvalidArgument, await driver.CodeOfAsync(CsiMethods.NodeGetVolumeStats, new NodeGetVolumeStatsRequest { VolumePath = driver.Target }));
    }

    [TestMethod, Timeout(30_000)]
    public async Task NodeGetVolumeStats_WithoutVolumePath_IsInvalidArgument()
    {
        await using RunningDriver driver = await RunningDriver.StartAsync(TestContext.CancellationToken);
        Assert.AreEqual(RpcCode.InvalidArgument, await driver.CodeOfAsync(CsiMethods.NodeGetVolumeStats, new NodeGetVolumeStatsRequest { VolumeId = "csi-1" }));
    }

    [TestMethod, Timeout(30_000)]
    public async Task NodeGetVolumeStats_OfUnknownVolume_IsNotFound()
    {
        await using RunningDriver driver = await RunningDriver.StartAsync(TestContext.CancellationToken);
        Assert.AreEqual(RpcCode.NotFound, await driver.CodeOfAsync(CsiMethods.NodeGetVolumeStats, new NodeGetVolumeStatsRequest { VolumeId = "csi-1", VolumePath = "some/path" }));
    }

    [TestMethod, Timeout(30_000)]
    public async Task NodeStageVolume_Called_IsUnimplemented()
    {
        await using RunningDriver driver = await RunningDriver.StartAsync(TestContext.CancellationToken);
        var method = new GrpcMethod<NodePublishVolumeRequest, NodePublishVolumeResponse>("csi.v1.Node", "NodeStageVolume", NodePublishVolumeRequest.Parser, NodePublishVolumeResponse.Parser);
        Assert.AreEqual(RpcCode.Unimplemented, await driver.CodeOfAsync(method, driver.Publish()));
    }
}
