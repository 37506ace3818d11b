using AiModels.Contracts.WellKnown;
using AiModels.CsiDriver.Protos;
using AiModels.Hosting.Grpc;

namespace AiModels.CsiDriver.Tests.Sanity;

/// <summary>The list of csi-sanity (kubernetes-csi/csi-test, pkg/sanity/controller.go) for a driver that creates and deletes volumes, and what it does not ask.</summary>
[TestClass]
public sealed class ControllerSanityTests
{
    private const long Gi = 1L << 30;

    public TestContext TestContext { get; set; } = null!;

    [TestMethod, Timeout(60_000)]
    public async Task ControllerGetCapabilities_Called_NamesWhatIsServed()
    {
        await using RunningDriver driver = await RunningDriver.StartAsync(TestContext.CancellationToken);
        ControllerGetCapabilitiesResponse response = await driver.CallAsync(CsiMethods.ControllerGetCapabilities, new ControllerGetCapabilitiesRequest());
        Assert.AreEqual(ControllerServiceCapability.Types.RPC.Types.Type.CreateDeleteVolume, response.Capabilities.Single().Rpc.Type);
    }

    [TestMethod, Timeout(60_000)]
    [DataRow("no name")]
    [DataRow("a name of 129 characters")]
    [DataRow("no capabilities")]
    [DataRow("a block device")]
    [DataRow("a snapshot")]
    [DataRow("an unknown parameter")]
    [DataRow("a model without a digest")]
    public async Task CreateVolume_With_IsInvalidArgument(string flaw)
    {
        await using RunningDriver driver = await RunningDriver.StartAsync(TestContext.CancellationToken);
        CreateVolumeRequest request = Create("v");
        switch (flaw)
        {
            case "no name": request.Name = ""; break;
            case "a name of 129 characters": request.Name = new string('n', 129); break;
            case "no capabilities": request.VolumeCapabilities.Clear(); break;
            case "a block device": request.VolumeCapabilities[0].Block = new VolumeCapability.Types.BlockVolume(); break;
            case "a snapshot": request.VolumeContentSource = new VolumeContentSource { Snapshot = new() { SnapshotId = "s" } }; break;
            case "an unknown parameter": request.Parameters["size"] = "large"; break;
            case "a model without a digest": request.Parameters.Remove(CsiAttributes.Digest); break;
        }

        Assert.AreEqual(RpcCode.InvalidArgument, await driver.CodeOfAsync(CsiMethods.CreateVolume, request));
    }

    [TestMethod, Timeout(60_000)]
    public async Task CreateVolume_Repeated_IsTheSameVolume()
    {
        await using RunningDriver driver = await RunningDriver.StartAsync(TestContext.CancellationToken);
        Volume first = (await driver.CallAsync(CsiMethods.CreateVolume, Create("v"))).Volume;
        Assert.AreEqual(first, (await driver.CallAsync(CsiMethods.CreateVolume, Create("v"))).Volume);
        Assert.AreEqual("tiny", first.VolumeContext[CsiAttributes.ModelName]);
        Assert.AreEqual(Gi, first.CapacityBytes);
        Assert.AreNotEqual(first.VolumeId, (await driver.CallAsync(CsiMethods.CreateVolume, Create(new string('n', 128)))).Volume.VolumeId);
    }

    [TestMethod, Timeout(60_000)]
    public async Task CreateVolume_OfAKnownNameWithAnotherSizeOrModel_AlreadyExists()
    {
        await using RunningDriver driver = await RunningDriver.StartAsync(TestContext.CancellationToken);
        await driver.CallAsync(CsiMethods.CreateVolume, Create("v"));
        CreateVolumeRequest larger = Create("v");
        larger.CapacityRange = new CapacityRange { RequiredBytes = 2 * Gi, LimitBytes = 2 * Gi };
        Assert.AreEqual(RpcCode.AlreadyExists, await driver.CodeOfAsync(CsiMethods.CreateVolume, larger));
        CreateVolumeRequest other = Create("v");
        other.Parameters[CsiAttributes.ModelName] = "other";
        Assert.AreEqual(RpcCode.AlreadyExists, await driver.CodeOfAsync(CsiMethods.CreateVolume, other));
    }

    [TestMethod, Timeout(60_000)]
    public async Task CreateVolume_WithALimitBelowTheSize_IsOutOfRange()
    {
        await using RunningDriver driver = await RunningDriver.StartAsync(TestContext.CancellationToken);
        CreateVolumeRequest request = Create("v");
        request.CapacityRange = new CapacityRange { RequiredBytes = 2 * Gi, LimitBytes = Gi };
        Assert.AreEqual(RpcCode.OutOfRange, await driver.CodeOfAsync(CsiMethods.CreateVolume, request));
    }

    [TestMethod, Timeout(60_000)]
    public async Task DeleteVolume_OfAnyVolume_IsIdempotent()
    {
        await using RunningDriver driver = await RunningDriver.StartAsync(TestContext.CancellationToken);
        Assert.AreEqual(RpcCode.InvalidArgument, await driver.CodeOfAsync(CsiMethods.DeleteVolume, new DeleteVolumeRequest()));
        foreach (string id in (string[])["reallyfakevolumeid", "../../etc/passwd", (await driver.CallAsync(CsiMethods.CreateVolume, Create("v"))).Volume.VolumeId])
        {
            await driver.CallAsync(CsiMethods.DeleteVolume, new DeleteVolumeRequest { VolumeId = id });
            await driver.CallAsync(CsiMethods.DeleteVolume, new DeleteVolumeRequest { VolumeId = id });
            Assert.AreEqual(RpcCode.NotFound, await driver.CodeOfAsync(CsiMethods.ValidateVolumeCapabilities, Validate(id)));
        }
    }

    [TestMethod, Timeout(60_000)]
    public async Task ValidateVolumeCapabilities_OfAVolume_ConfirmsWhatAModelCan()
    {
        await using RunningDriver driver = await RunningDriver.StartAsync(TestContext.CancellationToken);
        string id = (await driver.CallAsync(CsiMethods.CreateVolume, Create("v"))).Volume.VolumeId;
        Assert.HasCount(1, (await driver.CallAsync(CsiMethods.ValidateVolumeCapabilities, Validate(id))).Confirmed.VolumeCapabilities);

        ValidateVolumeCapabilitiesRequest block = Validate(id);
        block.VolumeCapabilities[0].Block = new VolumeCapability.Types.BlockVolume();
        ValidateVolumeCapabilitiesResponse refused = await driver.CallAsync(CsiMethods.ValidateVolumeCapabilities, block);
        Assert.IsNull(refused.Confirmed);
        Assert.Contains("not block devices", refused.Message);

        Assert.AreEqual(RpcCode.InvalidArgument, await driver.CodeOfAsync(CsiMethods.ValidateVolumeCapabilities, new ValidateVolumeCapabilitiesRequest()));
        Assert.AreEqual(RpcCode.InvalidArgument, await driver.CodeOfAsync(CsiMethods.ValidateVolumeCapabilities, new ValidateVolumeCapabilitiesRequest { VolumeId = id }));
        Assert.AreEqual(RpcCode.NotFound, await driver.CodeOfAsync(CsiMethods.ValidateVolumeCapabilities, Validate("x")));
    }

    [TestMethod, Timeout(60_000)]
    public async Task Publish_OfAProvisionedVolume_AsksTheAgentAsForAnInlineOne()
    {
        await using RunningDriver driver = await RunningDriver.StartAsync(TestContext.CancellationToken);
        Volume volume = (await driver.CallAsync(CsiMethods.CreateVolume, Create("v"))).Volume;
        NodePublishVolumeRequest publish = driver.Publish();
        publish.VolumeId = volume.VolumeId;
        publish.VolumeContext.Remove(CsiAttributes.Ephemeral);
        await driver.CallAsync(CsiMethods.NodePublishVolume, publish);
        Assert.AreEqual(driver.Model, driver.Mounter.Mounts[driver.Target].Source);
    }

    [TestMethod, Timeout(60_000)]
    public async Task Publish_OfAVolumeWithoutAModel_ShowsAnEmptyFolderAndTakesNoModel()
    {
        await using RunningDriver driver = await RunningDriver.StartAsync(TestContext.CancellationToken);
        CreateVolumeRequest create = Create("v");
        create.Parameters.Clear();
        Volume volume = (await driver.CallAsync(CsiMethods.CreateVolume, create)).Volume;
        NodePublishVolumeRequest publish = driver.Publish();
        publish.VolumeContext.Clear();
        publish.VolumeContext.Add(volume.VolumeContext);
        await driver.CallAsync(CsiMethods.NodePublishVolume, publish);
        Assert.IsEmpty(Directory.GetFileSystemEntries(driver.Mounter.Mounts[driver.Target].Source));

        publish.VolumeContext[CsiAttributes.Ephemeral] = "true";
        Assert.AreEqual(RpcCode.InvalidArgument, await driver.CodeOfAsync(CsiMethods.NodePublishVolume, publish), "a volume that is written into a Pod must name its model");
    }

    private static CreateVolumeRequest Create(string name) => new()
    {
        Name = name,
        CapacityRange = new CapacityRange { RequiredBytes = Gi },
        VolumeCapabilities = { Mountable() },
        Parameters =
        {
            [CsiAttributes.ModelKind] = "ClusterModel",
            [CsiAttributes.ModelName] = "tiny",
            [CsiAttributes.Digest] = RunningDriver.Digest,
            ["csi.storage.k8s.io/pvc/name"] = "claim",
        },
    };

    private static ValidateVolumeCapabilitiesRequest Validate(string id) => new() { VolumeId = id, VolumeCapabilities = { Mountable() } };

    private static VolumeCapability Mountable() => new()
    {
        Mount = new VolumeCapability.Types.MountVolume(),
        AccessMode = new VolumeCapability.Types.AccessMode { Mode = VolumeCapability.Types.AccessMode.Types.Mode.MultiNodeReaderOnly },
    };
}
