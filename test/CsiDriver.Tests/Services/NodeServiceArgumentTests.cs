using AiModels.Contracts.WellKnown;
using AiModels.CsiDriver.Protos;
using AiModels.Hosting.Grpc;

namespace AiModels.CsiDriver.Tests.Services;

/// <summary>What kubelet, or whoever wrote the Pod, may say in a request: attributes, targets, volume ids.</summary>
[TestClass]
public sealed class NodeServiceArgumentTests
{
    public TestContext TestContext { get; set; } = null!;

    [TestMethod, Timeout(30_000)]
    [DataRow(CsiAttributes.PodNamespace, null)]
    [DataRow(CsiAttributes.PodUid, "../../etc")]
    [DataRow(CsiAttributes.ModelKind, "Secret")]
    [DataRow(CsiAttributes.ModelName, "../other")]
    [DataRow(CsiAttributes.ModelName, null)]
    [DataRow(CsiAttributes.Digest, "sha256:abc")]
    [DataRow(CsiAttributes.Digest, RunningDriver.Digest + "\n")]
    public async Task Publish_WithAWrongAttribute_IsInvalidArgumentAndNamesIt(string key, string? value)
    {
        await using RunningDriver driver = await StartAsync();
        NodePublishVolumeRequest request = driver.Publish(r =>
        {
            r.VolumeContext.Remove(key);
            if (value is not null)
            {
                r.VolumeContext[key] = value;
            }
        });
        RpcException e = await Assert.ThrowsExactlyAsync<RpcException>(() => driver.CallAsync(CsiMethods.NodePublishVolume, request));
        Assert.AreEqual(RpcCode.InvalidArgument, e.Code);
        Assert.Contains(key, e.Message);
        Assert.IsEmpty(driver.Agent.Leases);
    }

    [TestMethod, Timeout(30_000)]
    [DataRow("relative/path")]
    [DataRow("/var/../etc")]
    public async Task Publish_WithATargetThatWanders_IsInvalidArgument(string target)
    {
        await using RunningDriver driver = await StartAsync();
        Assert.AreEqual(RpcCode.InvalidArgument, await driver.CodeOfAsync(CsiMethods.NodePublishVolume, driver.Publish(r => r.TargetPath = target)));
    }

    [TestMethod, Timeout(30_000)]
    public async Task Publish_AsABlockDevice_IsInvalidArgument()
    {
        await using RunningDriver driver = await StartAsync();
        Assert.AreEqual(RpcCode.InvalidArgument, await driver.CodeOfAsync(CsiMethods.NodePublishVolume, driver.Publish(r => r.VolumeCapability.Block = new())));
    }

    [TestMethod, Timeout(60_000)]
    [DataRow("ai.deckhouse.io/path", "/etc")]
    [DataRow("path", "../../etc")]
    [DataRow("server", "evil.example.com")]
    public async Task Publish_WithAnAttributeThatNobodyKnows_IsInvalidArgument(string key, string value)
    {
        await using RunningDriver driver = await StartAsync();
        RpcException e = await Assert.ThrowsExactlyAsync<RpcException>(() => driver.CallAsync(CsiMethods.NodePublishVolume, driver.Publish(r => r.VolumeContext[key] = value)));
        Assert.AreEqual(RpcCode.InvalidArgument, e.Code);
        Assert.Contains(key, e.Message);
        Assert.IsEmpty(driver.Agent.Leases);
    }

    [TestMethod, Timeout(60_000)]
    public async Task Publish_WithWhatKubeletAndTheProvisionerAdd_IsServed()
    {
        await using RunningDriver driver = await StartAsync();
        await driver.CallAsync(CsiMethods.NodePublishVolume, driver.Publish(r =>
        {
            r.VolumeContext["csi.storage.k8s.io/serviceAccount.name"] = "default";
            r.VolumeContext["storage.kubernetes.io/csiProvisionerIdentity"] = "1-2-node-cache.ai-models.deckhouse.io";
        }));
        Assert.HasCount(1, driver.Mounter.Mounts);
    }

    [TestMethod, Timeout(60_000)]
    [DataRow(CsiAttributes.ModelName)]
    [DataRow(CsiAttributes.Digest)]
    [DataRow(CsiAttributes.ModelKind)]
    [DataRow(CsiAttributes.PodUid)]
    public async Task Publish_WithAHugeValue_IsInvalidArgumentInFewWords(string key)
    {
        await using RunningDriver driver = await StartAsync();
        string huge = new('a', 1 << 20);
        RpcException e = await Assert.ThrowsExactlyAsync<RpcException>(() => driver.CallAsync(CsiMethods.NodePublishVolume, driver.Publish(r => r.VolumeContext[key] = huge)));
        Assert.AreEqual(RpcCode.InvalidArgument, e.Code);
        Assert.Contains("1048576 characters", e.Message);
        Assert.IsLessThan(1000, e.Message.Length);
        Assert.IsEmpty(driver.Agent.Leases);
    }

    [TestMethod, Timeout(60_000)]
    public async Task Publish_WithAHugeKey_IsInvalidArgumentInFewWords()
    {
        await using RunningDriver driver = await StartAsync();
        RpcException e = await Assert.ThrowsExactlyAsync<RpcException>(
            () => driver.CallAsync(CsiMethods.NodePublishVolume, driver.Publish(r => r.VolumeContext[new string('k', 1 << 20)] = "v")));
        Assert.AreEqual(RpcCode.InvalidArgument, e.Code);
        Assert.IsLessThan(1000, e.Message.Length);
    }

    [TestMethod, Timeout(60_000)]
    [DataRow("/")]
    [DataRow("/./")]
    [DataRow("//")]
    public async Task PublishAndUnpublish_OfTheRoot_AreInvalidArgument(string target)
    {
        await using RunningDriver driver = await StartAsync();
        Assert.AreEqual(RpcCode.InvalidArgument, await driver.CodeOfAsync(CsiMethods.NodePublishVolume, driver.Publish(r => r.TargetPath = target)));
        Assert.AreEqual(RpcCode.InvalidArgument, await driver.CodeOfAsync(CsiMethods.NodeUnpublishVolume, new NodeUnpublishVolumeRequest { VolumeId = "csi-1", TargetPath = target }));
    }

    [TestMethod, Timeout(60_000)]
    public async Task Publish_WithAHugeTarget_IsInvalidArgumentInFewWords()
    {
        await using RunningDriver driver = await StartAsync();
        RpcException e = await Assert.ThrowsExactlyAsync<RpcException>(
            () => driver.CallAsync(CsiMethods.NodePublishVolume, driver.Publish(r => r.TargetPath = "/" + new string('a', 1 << 20))));
        Assert.AreEqual(RpcCode.InvalidArgument, e.Code);
        Assert.IsLessThan(1000, e.Message.Length);
    }

    [TestMethod, Timeout(60_000)]
    [DataRow(".")]
    [DataRow("..")]
    [DataRow("csi\u0000")]
    [DataRow("csi\u009b")]
    public async Task Publish_WithAVolumeIdThatIsNone_IsInvalidArgument(string id)
    {
        await using RunningDriver driver = await StartAsync();
        Assert.AreEqual(RpcCode.InvalidArgument, await driver.CodeOfAsync(CsiMethods.NodePublishVolume, driver.Publish(r => r.VolumeId = id)));
        Assert.IsEmpty(driver.Agent.Leases);
    }

    [TestMethod, Timeout(60_000)]
    public async Task Publish_WithAVolumeIdOfTooManyBytes_IsInvalidArgument()
    {
        await using RunningDriver driver = await StartAsync();
        Assert.AreEqual(RpcCode.Ok, await driver.CodeOfAsync(CsiMethods.NodePublishVolume, driver.Publish(r => r.VolumeId = new string('ä', 64))));
        Assert.AreEqual(RpcCode.InvalidArgument, await driver.CodeOfAsync(CsiMethods.NodePublishVolume, driver.Publish(r => r.VolumeId = new string('ä', 65))));
    }

    [TestMethod, Timeout(60_000)]
    [DataRow("a/b")]
    [DataRow("a/../b")]
    [DataRow("a%2Fb%00")]
    [DataRow("a b?c#d&e=f+g")]
    [DataRow("..%2f..")]
    [DataRow("模型\t1")]
    public async Task Unpublish_OfAnOddVolumeId_GivesItsLeaseBack(string id)
    {
        await using RunningDriver driver = await StartAsync();
        await driver.CallAsync(CsiMethods.NodePublishVolume, driver.Publish(r => r.VolumeId = id));
        Assert.AreEqual(id, driver.Agent.Leases.Single().Key);
        await driver.CallAsync(CsiMethods.NodeUnpublishVolume, new NodeUnpublishVolumeRequest { VolumeId = id, TargetPath = driver.Target });
        Assert.IsEmpty(driver.Agent.Leases);
    }

    private Task<RunningDriver> StartAsync() => RunningDriver.StartAsync(TestContext.CancellationToken);
}
