using AiModels.Contracts.NodeCache;
using AiModels.Contracts.WellKnown;
using AiModels.CsiDriver.Protos;
using AiModels.Hosting.Grpc;

namespace AiModels.CsiDriver.Tests.Services;

[TestClass]
public sealed class NodeServiceTests
{
    public TestContext TestContext { get; set; } = null!;

    [TestMethod, Timeout(60_000)]
    public async Task Publish_OnAFile_IsAFailedPrecondition()
    {
        await using RunningDriver driver = await RunningDriver.StartAsync(TestContext.CancellationToken);
        Directory.CreateDirectory(Path.GetDirectoryName(driver.Target)!);
        await File.WriteAllTextAsync(driver.Target, "a block device's place", TestContext.CancellationToken);
        Assert.AreEqual(RpcCode.FailedPrecondition, await driver.CodeOfAsync(CsiMethods.NodePublishVolume, driver.Publish()));
    }

    [TestMethod, Timeout(60_000)]
    public async Task ExpandVolume_OfAModel_IsRefused()
    {
        await using RunningDriver driver = await RunningDriver.StartAsync(TestContext.CancellationToken);
        Assert.AreEqual(RpcCode.Unimplemented, await driver.CodeOfAsync(CsiMethods.NodeExpandVolume, new NodeExpandVolumeRequest { VolumeId = "csi-1", VolumePath = driver.Target }));
        Assert.AreEqual(RpcCode.InvalidArgument, await driver.CodeOfAsync(CsiMethods.NodeExpandVolume, new NodeExpandVolumeRequest()));
    }

    [TestMethod, Timeout(30_000)]
    public async Task Publish_OfACompleteModel_MountsTheAgentsFolderReadOnlyAndTakesALease()
    {
        await using RunningDriver driver = await StartAsync();
        await driver.CallAsync(CsiMethods.NodePublishVolume, driver.Publish());
        Assert.AreEqual((driver.Model, true), driver.Mounter.Mounts[driver.Target]);
        EnsureModelRequest lease = driver.Agent.Leases["csi-1"];
        Assert.AreEqual(("team-a", "app-0", "4f3c"), (lease.PodNamespace, lease.PodName, lease.PodUid));
        Assert.AreEqual(("Model", "tiny", RunningDriver.Digest), (lease.ModelKind, lease.ModelName, lease.Digest));
    }

    [TestMethod, Timeout(30_000)]
    public async Task Publish_Repeated_IsASuccessWithOneMount()
    {
        await using RunningDriver driver = await StartAsync();
        for (int i = 0; i < 3; i++)
        {
            await driver.CallAsync(CsiMethods.NodePublishVolume, driver.Publish());
        }

        Assert.HasCount(1, driver.Mounter.Mounts);
    }

    [TestMethod, Timeout(30_000)]
    public async Task Publish_WhenAnEarlierCallDiedBeforeTheRemount_MakesItReadOnly()
    {
        await using RunningDriver driver = await StartAsync();
        driver.Mounter.Mounts[driver.Target] = (driver.Model, ReadOnly: false);
        await driver.CallAsync(CsiMethods.NodePublishVolume, driver.Publish());
        Assert.IsTrue(driver.Mounter.Mounts[driver.Target].ReadOnly);
    }

    [TestMethod, Timeout(30_000)]
    public async Task Publish_WhereSomethingElseIsMounted_IsAlreadyExists()
    {
        await using RunningDriver driver = await StartAsync();
        driver.Mounter.Mounts[driver.Target] = ("/other", true);
        Assert.AreEqual(RpcCode.AlreadyExists, await driver.CodeOfAsync(CsiMethods.NodePublishVolume, driver.Publish()));
    }

    [TestMethod, Timeout(30_000)]
    public async Task Publish_WhileTheModelIsFetched_IsUnavailableWithTheBytes()
    {
        await using RunningDriver driver = await StartAsync();
        driver.Agent.OnEnsure = _ => (202, new EnsureModelResponse { BytesExpected = 100, BytesDownloaded = 40 });
        RpcException e = await Assert.ThrowsExactlyAsync<RpcException>(() => driver.CallAsync(CsiMethods.NodePublishVolume, driver.Publish()));
        Assert.AreEqual(RpcCode.Unavailable, e.Code);
        Assert.Contains("40 of 100", e.Message);
        Assert.IsEmpty(driver.Mounter.Mounts);
    }

    [TestMethod, Timeout(30_000)]
    [DataRow(403, "PermissionDenied", RpcCode.PermissionDenied)]
    [DataRow(404, "NotFound", RpcCode.NotFound)]
    [DataRow(507, "ResourceExhausted", RpcCode.ResourceExhausted)]
    [DataRow(503, "Unavailable", RpcCode.Unavailable)]
    [DataRow(500, "Nonsense", RpcCode.Internal)]
    public async Task Publish_RefusedByTheAgent_HasTheAgentsCode(int status, string code, RpcCode expected)
    {
        await using RunningDriver driver = await StartAsync();
        driver.Agent.OnEnsure = _ => (status, FakeNodeAgent.Error(code, "because"));
        Assert.AreEqual(expected, await driver.CodeOfAsync(CsiMethods.NodePublishVolume, driver.Publish()));
        Assert.IsEmpty(driver.Mounter.Mounts);
    }

    [TestMethod, Timeout(30_000)]
    public async Task Publish_WithoutAgent_IsUnavailable()
    {
        await using RunningDriver driver = await StartAsync();
        await driver.Agent.DisposeAsync();
        Assert.AreEqual(RpcCode.Unavailable, await driver.CodeOfAsync(CsiMethods.NodePublishVolume, driver.Publish()));
    }

    [TestMethod, Timeout(30_000)]
    public async Task Publish_WhoseMountFails_GivesTheLeaseBack()
    {
        await using RunningDriver driver = await StartAsync();
        driver.Mounter.NextFailure = new IOException("mount: no luck");
        Assert.AreEqual(RpcCode.Internal, await driver.CodeOfAsync(CsiMethods.NodePublishVolume, driver.Publish()));
        Assert.IsEmpty(driver.Agent.Leases);
    }

    [TestMethod, Timeout(30_000)]
    public async Task Publish_WhileAnotherOfTheSameVolumeRuns_IsAborted()
    {
        await using RunningDriver driver = await StartAsync();
        using var hold = new ManualResetEventSlim();
        Task<RpcCode> first = await BeginToPublishAsync(driver, hold);

        Assert.AreEqual(RpcCode.Aborted, await driver.CodeOfAsync(CsiMethods.NodePublishVolume, driver.Publish()));
        hold.Set();
        Assert.AreEqual(RpcCode.Ok, await first);
    }

    [TestMethod, Timeout(30_000)]
    public async Task Publish_OfManyVolumesAtOnce_MountsAll()
    {
        await using RunningDriver driver = await StartAsync();
        RpcCode[] codes = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => driver.CodeOfAsync(CsiMethods.NodePublishVolume, driver.Publish(r =>
        {
            r.VolumeId = $"csi-{i}";
            r.TargetPath = $"{driver.Target}-{i}";
        }))));
        Assert.IsTrue(codes.All(code => code == RpcCode.Ok));
        Assert.HasCount(40, driver.Mounter.Mounts);
    }

    [TestMethod, Timeout(30_000)]
    public async Task Unpublish_RepeatedAndOfAnUnknownVolume_IsASuccess()
    {
        await using RunningDriver driver = await StartAsync();
        await driver.CallAsync(CsiMethods.NodePublishVolume, driver.Publish());
        await driver.CallAsync(CsiMethods.NodeUnpublishVolume, driver.Unpublish());
        await driver.CallAsync(CsiMethods.NodeUnpublishVolume, driver.Unpublish());
        Assert.IsEmpty(driver.Mounter.Mounts);
        Assert.IsEmpty(driver.Agent.Leases);
    }

    [TestMethod, Timeout(30_000)]
    public async Task Unpublish_WithoutAgent_UnmountsAllTheSame()
    {
        await using RunningDriver driver = await StartAsync();
        await driver.CallAsync(CsiMethods.NodePublishVolume, driver.Publish());
        await driver.Agent.DisposeAsync();
        await driver.CallAsync(CsiMethods.NodeUnpublishVolume, driver.Unpublish());
        Assert.IsEmpty(driver.Mounter.Mounts);
        Assert.IsFalse(Directory.Exists(driver.Target));
    }

    [TestMethod, Timeout(30_000)]
    public async Task Unpublish_OfAFolderWithContent_DeletesNothing()
    {
        await using RunningDriver driver = await StartAsync();
        Directory.CreateDirectory(driver.Target);
        string file = Path.Combine(driver.Target, "precious");
        await File.WriteAllTextAsync(file, "x", TestContext.CancellationToken);
        Assert.AreEqual(RpcCode.Internal, await driver.CodeOfAsync(CsiMethods.NodeUnpublishVolume, driver.Unpublish()));
        Assert.IsTrue(File.Exists(file));
    }

    [TestMethod, Timeout(30_000)]
    public async Task Stats_OfAPublishedVolume_AreTheModelsOwn()
    {
        await using RunningDriver driver = await StartAsync();
        await driver.CallAsync(CsiMethods.NodePublishVolume, driver.Publish());
        await File.WriteAllBytesAsync(Path.Combine(driver.Target, "weights"), new byte[1000], TestContext.CancellationToken);
        NodeGetVolumeStatsResponse stats = await driver.CallAsync(
            CsiMethods.NodeGetVolumeStats, new NodeGetVolumeStatsRequest { VolumeId = "csi-1", VolumePath = driver.Target });
        Assert.AreEqual(1000, stats.Usage.Single(u => u.Unit == VolumeUsage.Types.Unit.Bytes).Used);
        Assert.AreEqual(1, stats.Usage.Single(u => u.Unit == VolumeUsage.Types.Unit.Inodes).Used);
    }

    [TestMethod, Timeout(60_000)]
    public async Task Publish_OnASymbolicLink_IsRefusedAndMountsNothing()
    {
        await using RunningDriver driver = await StartAsync();
        string victim = Directory.CreateDirectory(Path.Combine(driver.Folder, "etc")).FullName;
        Directory.CreateDirectory(Path.GetDirectoryName(driver.Target)!);
        Directory.CreateSymbolicLink(driver.Target, victim);
        Assert.AreEqual(RpcCode.FailedPrecondition, await driver.CodeOfAsync(CsiMethods.NodePublishVolume, driver.Publish()));
        Assert.AreEqual(RpcCode.FailedPrecondition, await driver.CodeOfAsync(CsiMethods.NodeUnpublishVolume, driver.Unpublish()));
        Assert.IsEmpty(driver.Mounter.Mounts);
        Assert.IsTrue(Directory.Exists(victim));
    }

    [TestMethod, Timeout(60_000)]
    public async Task Sockets_AreForTheirOwnerAlone()
    {
        await using RunningDriver driver = await StartAsync();
        foreach (string socket in new[] { "csi.sock", "reg.sock" })
        {
            Assert.AreEqual(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(driver.Folder, socket)), socket);
        }
    }

    [TestMethod, Timeout(60_000)]
    [DataRow(404, "NotFound")]
    [DataRow(403, "PermissionDenied")]
    [DataRow(503, "Unavailable")]
    [DataRow(507, "ResourceExhausted")]
    public async Task Publish_OfWhatIsMountedAlready_IsASuccessWhateverTheAgentSaysNow(int status, string code)
    {
        await using RunningDriver driver = await StartAsync();
        await driver.CallAsync(CsiMethods.NodePublishVolume, driver.Publish());
        driver.Agent.OnEnsure = _ => (status, FakeNodeAgent.Error(code, "its model was deleted"));
        await driver.CallAsync(CsiMethods.NodePublishVolume, driver.Publish());
        Assert.AreEqual((driver.Model, true), driver.Mounter.Mounts.Single().Value);
        Assert.HasCount(1, driver.Agent.Leases);
    }

    [TestMethod, Timeout(60_000)]
    public async Task Publish_OfWhatIsMountedAlready_WithTheAgentAway_IsASuccess()
    {
        await using RunningDriver driver = await StartAsync();
        await driver.CallAsync(CsiMethods.NodePublishVolume, driver.Publish());
        await driver.Agent.DisposeAsync();
        Assert.AreEqual(RpcCode.Ok, await driver.CodeOfAsync(CsiMethods.NodePublishVolume, driver.Publish()));
    }

    [TestMethod, Timeout(60_000)]
    [DataRow(".damaged-17-")]
    [DataRow("")]
    public async Task Publish_WhereAnEarlierCopyOfTheModelIsMounted_LeavesItToThePod(string words)
    {
        await using RunningDriver driver = await StartAsync();
        string aside = $"/cache/models/{words}{Path.GetFileName(driver.Model)}//deleted";
        driver.Mounter.Mounts[driver.Target] = (aside, true);
        Assert.AreEqual(RpcCode.Ok, await driver.CodeOfAsync(CsiMethods.NodePublishVolume, driver.Publish()));
        Assert.AreEqual((aside, true), driver.Mounter.Mounts[driver.Target]);
        Assert.HasCount(1, driver.Agent.Leases, "the lease is renewed");
    }

    [TestMethod, Timeout(60_000)]
    public async Task Publish_OfAnotherModelWhereOneIsMounted_GetsTheAgentsRefusal()
    {
        await using RunningDriver driver = await StartAsync();
        await driver.CallAsync(CsiMethods.NodePublishVolume, driver.Publish());
        driver.Agent.OnEnsure = _ => (403, FakeNodeAgent.Error("PermissionDenied", "not yours"));
        NodePublishVolumeRequest other = driver.Publish(r => r.VolumeContext[CsiAttributes.Digest] = "sha256:" + new string('b', 64));
        Assert.AreEqual(RpcCode.PermissionDenied, await driver.CodeOfAsync(CsiMethods.NodePublishVolume, other));
    }

    [TestMethod, Timeout(60_000)]
    public async Task Publish_OfTwoVolumesOnOneTarget_IsAbortedForTheSecond()
    {
        await using RunningDriver driver = await StartAsync();
        using var hold = new ManualResetEventSlim();
        Task<RpcCode> first = await BeginToPublishAsync(driver, hold);

        RpcException e = await Assert.ThrowsExactlyAsync<RpcException>(() => driver.CallAsync(CsiMethods.NodePublishVolume, driver.Publish(r =>
        {
            r.VolumeId = "csi-2";
            r.TargetPath += "/./";
        })));
        RpcCode unpublish = await driver.CodeOfAsync(CsiMethods.NodeUnpublishVolume, new NodeUnpublishVolumeRequest { VolumeId = "csi-2", TargetPath = driver.Target });
        hold.Set();
        Assert.AreEqual((RpcCode.Aborted, RpcCode.Aborted, RpcCode.Ok), (e.Code, unpublish, await first));
        Assert.Contains("target_path", e.Message);
    }

    [TestMethod, Timeout(60_000)]
    public async Task Publish_OnASymbolicLinkWithASlashBehindIt_IsRefused()
    {
        await using RunningDriver driver = await StartAsync();
        string victim = Directory.CreateDirectory(Path.Combine(driver.Folder, "etc")).FullName;
        Directory.CreateDirectory(Path.GetDirectoryName(driver.Target)!);
        Directory.CreateSymbolicLink(driver.Target, victim);
        Assert.AreEqual(RpcCode.FailedPrecondition, await driver.CodeOfAsync(CsiMethods.NodePublishVolume, driver.Publish(r => r.TargetPath += "/")));
        Assert.AreEqual(
            RpcCode.FailedPrecondition,
            await driver.CodeOfAsync(CsiMethods.NodeUnpublishVolume, new NodeUnpublishVolumeRequest { VolumeId = "csi-1", TargetPath = driver.Target + "//" }));
        Assert.IsEmpty(driver.Mounter.Mounts);
        Assert.IsEmpty(driver.Agent.Leases);
    }

    [TestMethod, Timeout(60_000)]
    public async Task UnpublishAndStats_OfAFileSystemOfSomebodyElse_LeaveItAlone()
    {
        await using RunningDriver driver = await StartAsync();
        driver.Mounter.Mounts[driver.Target] = ("/", true);
        Assert.AreEqual(RpcCode.FailedPrecondition, await driver.CodeOfAsync(CsiMethods.NodeUnpublishVolume, driver.Unpublish()));
        Assert.HasCount(1, driver.Mounter.Mounts);
        Assert.AreEqual(
            RpcCode.NotFound,
            await driver.CodeOfAsync(CsiMethods.NodeGetVolumeStats, new NodeGetVolumeStatsRequest { VolumeId = "csi-1", VolumePath = driver.Target }));
    }

    /// <summary>A publication that has its lease, and waits in the mount until it is told to go on.</summary>
    private static async Task<Task<RpcCode>> BeginToPublishAsync(RunningDriver driver, ManualResetEventSlim hold)
    {
        driver.Mounter.Hold = hold;
        Task<RpcCode> first = driver.CodeOfAsync(CsiMethods.NodePublishVolume, driver.Publish());
        while (!driver.Agent.Leases.ContainsKey("csi-1"))
        {
            await Task.Yield();
        }

        return first;
    }

    private Task<RunningDriver> StartAsync() => RunningDriver.StartAsync(TestContext.CancellationToken);
}
