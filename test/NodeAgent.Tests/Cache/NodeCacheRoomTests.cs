using AiModels.Contracts.NodeCache;
using AiModels.Hosting.Kubernetes;
using AiModels.NodeAgent.Cache;
using AiModels.NodeAgent.Materialization;

namespace AiModels.NodeAgent.Tests.Cache;

/// <summary>Limits, pins, full disks and damage. The bench's cache holds 250 bytes, each model has 100.</summary>
[TestClass]
public sealed class NodeCacheRoomTests
{
    [TestMethod, Timeout(60_000)]
    public async Task Ensure_WhenOnlyAMountWithoutALeaseIsLeft_EvictsItNot()
    {
        await using var bench = new CacheTestBench();
        await UseAsync(bench, "a");
        await bench.EnsureAsync("b", "v2");
        bench.Mounts.Add("a");
        NodeAgentException e = await Assert.ThrowsExactlyAsync<NodeAgentException>(() => bench.EnsureAsync("c", "v3"));
        Assert.AreEqual("ResourceExhausted", e.Code);
        Assert.IsNotNull(bench.StatusOf("a"), "the kernel shows it to somebody");
    }

    [TestMethod, Timeout(60_000)]
    public async Task Ensure_WithAPinnedModel_EvictsAnotherOne()
    {
        await using var bench = new CacheTestBench();
        await UseAsync(bench, "a");
        await UseAsync(bench, "b");
        bench.Cache.Pin(new HashSet<string> { CacheTestBench.DigestOf("a") });
        await bench.EnsureAsync("c", "v3");
        Assert.IsTrue(bench.StatusOf("a")!.IsPinned);
        Assert.IsNull(bench.StatusOf("b"));

        bench.Restart();
        Assert.IsTrue(bench.StatusOf("a")!.IsPinned, "a pin outlives the agent: the API may be away when it starts");
        bench.Cache.Pin(new HashSet<string>());
        Assert.IsFalse(bench.StatusOf("a")!.IsPinned);
    }

    [TestMethod, Timeout(60_000)]
    public async Task Prefetch_OfMoreThanFits_DoesNotEvictWhatIsWantedAsWell()
    {
        await using var bench = new CacheTestBench();
        HashSet<string> wanted = [.. new[] { "a", "b", "c" }.Select(CacheTestBench.DigestOf)];
        foreach (string model in (string[])["a", "b"])
        {
            bench.Cache.Prefetch(CacheTestBench.Model(model), wanted);
            await bench.WhenReadyAsync(model);
        }

        NodeAgentException e = Assert.ThrowsExactly<NodeAgentException>(() => bench.Cache.Prefetch(CacheTestBench.Model("c"), wanted));
        Assert.AreEqual("ResourceExhausted", e.Code);
        Assert.AreEqual(0, bench.StatusOf("a")!.Mounts);
        Assert.IsNotNull((await bench.EnsureAsync("a", "v1")).Path);
        Assert.HasCount(2, bench.Source.Fetched, "what was fetched ahead was fetched again");
        Assert.IsNotNull((await bench.EnsureAsync("c", "v3")).Path, "a Pod that is here goes before those that may come");
    }

    [TestMethod, Timeout(60_000)]
    public async Task Ensure_OnAFullDisk_EvictsAndGoesOn()
    {
        await using var bench = new CacheTestBench();
        await UseAsync(bench, "a");
        bench.Source.NextFailure = DiskFull.Of("no space left on device");
        Assert.IsNotNull((await bench.EnsureAsync("b", "v2")).Path);
        Assert.IsNull(bench.StatusOf("a"));
    }

    [TestMethod, Timeout(60_000)]
    public async Task Ensure_OnAFullDiskWithNothingToEvict_SaysSo()
    {
        await using var bench = new CacheTestBench();
        await bench.EnsureAsync("a", "v1");
        bench.Source.Failure = DiskFull.Of("no space left on device");
        NodeAgentException e = await Assert.ThrowsExactlyAsync<NodeAgentException>(() => bench.EnsureAsync("b", "v2"));
        Assert.AreEqual("Unavailable", e.Code);
        Assert.Contains("the disk of the cache is full", e.Message);
        Assert.IsNotNull(bench.StatusOf("a"));
    }

    [TestMethod, Timeout(60_000)]
    public async Task Restart_WithASmallerCapacity_EvictsDownToIt()
    {
        await using var bench = new CacheTestBench();
        await UseAsync(bench, "a");
        await UseAsync(bench, "b");
        bench.Capacity = 150;
        bench.Restart();
        Assert.IsNull(bench.StatusOf("a"));
        Assert.IsNotNull(bench.StatusOf("b"));
        Assert.IsLessThanOrEqualTo(150, bench.Cache.Status().UsedBytes);
    }

    [TestMethod, Timeout(60_000)]
    public async Task Restart_WithAFileThatWasCut_FetchesTheModelAgain()
    {
        await using var bench = new CacheTestBench();
        string file = Path.Combine((await bench.EnsureAsync("a", "v1")).Path!, "config.json");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await File.WriteAllTextAsync(file, "cut");
        bench.Restart();
        await bench.WhenReadyAsync("a");
        Assert.HasCount(2, bench.Source.Fetched);
        Assert.AreEqual(1, bench.StatusOf("a")!.Mounts);
    }

    [TestMethod, Timeout(60_000)]
    [DataRow("")]
    [DataRow("{\"VolumeId\":\"v1\",\"Dig")]
    [DataRow("\0\0\0\0")]
    public async Task Restart_WithALeaseThatAPowerFailureCutShort_DropsItAndTakesItAnew(string left)
    {
        await using var bench = new CacheTestBench();
        await bench.EnsureAsync("a", "v1");
        string lease = Directory.GetFiles(Path.Combine(bench.ModelsFolder, "..", "leases")).Single();
        await File.WriteAllTextAsync(lease, left);
        bench.Restart();
        Assert.AreEqual(0, bench.StatusOf("a")!.Mounts);
        Assert.IsFalse(File.Exists(lease));
        Assert.IsNotNull((await bench.EnsureAsync("a", "v1")).Path);
        Assert.AreEqual(1, bench.StatusOf("a")!.Mounts);
        Assert.HasCount(1, bench.Source.Fetched, "the model was there all the time");
    }

    [TestMethod, Timeout(60_000)]
    public async Task Restart_WithoutLeases_FindsThemInTheMountTable()
    {
        await using var bench = new CacheTestBench();
        await bench.EnsureAsync("a", "v1");
        foreach (string lease in Directory.GetFiles(Path.Combine(bench.ModelsFolder, "..", "leases")))
        {
            File.Delete(lease);
        }

        bench.Mounts.Add("a", "uid-v1", "v1");
        bench.Restart();
        Lease found = bench.Cache.Leases().Single();
        Assert.AreEqual(("v1", "uid-v1", CacheTestBench.DigestOf("a")), (found.VolumeId, found.PodUid, found.Digest));
        Assert.AreEqual(1, bench.StatusOf("a")!.Mounts);

        using var keeper = new LeaseKeeper(bench.Cache, bench.Mounts, bench.Authorizer, bench.Clock, Microsoft.Extensions.Logging.Abstractions.NullLogger<LeaseKeeper>.Instance);
        await keeper.LookAsync(CancellationToken.None);
        await keeper.LookAsync(CancellationToken.None);
        Assert.AreEqual(1, bench.StatusOf("a")!.Mounts, "it is still mounted");
        bench.Mounts.Mounted.Clear();
        await keeper.LookAsync(CancellationToken.None);
        await keeper.LookAsync(CancellationToken.None);
        Assert.AreEqual(0, bench.StatusOf("a")!.Mounts);
    }

    [TestMethod, Timeout(60_000)]
    public async Task Scrub_OfADamagedModel_KeepsWhatIsMountedAndFetchesItAgain()
    {
        await using var bench = new CacheTestBench();
        string path = (await bench.EnsureAsync("a", "v1")).Path!;
        bench.Source.Damage = "weights.bin is not what it was";
        await bench.Cache.ScrubOneAsync(1000, CancellationToken.None);
        await bench.WhenReadyAsync("a");
        Assert.HasCount(2, bench.Source.Fetched);
        Assert.IsTrue(Directory.Exists(path));
        string aside = Directory.GetDirectories(bench.ModelsFolder, ".damaged-*").Single();

        bench.Mounts.Mounted.Add(new MountedModel(Path.GetFileName(aside), CacheTestBench.DigestOf("a"), "/pod", null, null));
        bench.Cache.Trim();
        Assert.IsTrue(Directory.Exists(aside), "a Pod still has it");
        bench.Mounts.Mounted.Clear();
        bench.Cache.Trim();
        Assert.IsFalse(Directory.Exists(aside));
    }

    [TestMethod, Timeout(60_000)]
    public async Task Scrub_OfAWholeModel_LeavesItAlone()
    {
        await using var bench = new CacheTestBench();
        await bench.EnsureAsync("a", "v1");
        await bench.Cache.ScrubOneAsync(1000, CancellationToken.None);
        Assert.HasCount(1, bench.Source.Fetched);
        Assert.IsNull(bench.StatusOf("a")!.LastError);
    }

    [TestMethod, Timeout(60_000)]
    public async Task Scrub_OfAModelThatWasDeleted_GoesOnWithTheOthers()
    {
        await using var bench = new CacheTestBench();
        await UseAsync(bench, "a");
        await UseAsync(bench, "b");
        bench.Source.Deleted.Add("a");
        await Assert.ThrowsExactlyAsync<KubernetesApiException>(() => ScrubAsync(bench));
        await ScrubAsync(bench);
        await Assert.ThrowsExactlyAsync<KubernetesApiException>(() => ScrubAsync(bench));
        Assert.AreSequenceEqual(["a", "b", "a"], bench.Source.Verified);
    }

    [TestMethod, Timeout(60_000)]
    public async Task Scrub_OfADigestWithTwoModels_IsInTheNameOfTheOneAskedForLast()
    {
        await using var bench = new CacheTestBench();
        await bench.EnsureAsync("a", "v1");
        bench.Source.Deleted.Add("a");
        bench.Cache.Prefetch(CacheTestBench.Model("a") with { Name = "same-bytes" }, new HashSet<string>());
        await ScrubAsync(bench);
        Assert.AreSequenceEqual(["same-bytes"], bench.Source.Verified);
    }

    private static async Task ScrubAsync(CacheTestBench bench)
    {
        bench.Clock.Advance(TimeSpan.FromMinutes(10));
        await bench.Cache.ScrubOneAsync(1000, CancellationToken.None);
    }

    private static async Task UseAsync(CacheTestBench bench, string model)
    {
        EnsureModelResponse response = await bench.EnsureAsync(model, "use-" + model);
        Assert.IsNotNull(response.Path);
        bench.Cache.Release("use-" + model);
        bench.Clock.Advance(TimeSpan.FromMinutes(1));
    }
}
