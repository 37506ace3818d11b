namespace AiModels.NodeAgent.Tests.Cache;

/// <summary>A disk that others have filled, met while the cache writes about its models and leases.</summary>
[TestClass]
public sealed class NodeCacheFullDiskTests
{
    [TestMethod, Timeout(60_000)]
    [DataRow(true, DisplayName = "the index")]
    [DataRow(false, DisplayName = "a lease")]
    public async Task Ensure_WhenTheBooksMeetAFullDisk_EvictsAndGoesOn(bool isIndex)
    {
        await using var bench = new CacheTestBench();
        await bench.EnsureAsync("a", "v1");
        bench.Cache.Release("v1");
        Fill(bench, isIndex);
        Assert.IsNotNull((await bench.EnsureAsync("b", "v2")).Path);
        Assert.IsNull(bench.StatusOf("a"), "what nothing mounts makes room");
        bench.Restart();
        Assert.AreEqual(1, bench.StatusOf("b")!.Mounts, "it is on the disk");
    }

    [TestMethod, Timeout(60_000)]
    [DataRow(true, DisplayName = "the index")]
    [DataRow(false, DisplayName = "a lease")]
    public async Task Ensure_WhenTheBooksMeetAFullDiskAndAllIsMounted_IsRefusedWithTheNumbersAndThenGoesOn(bool isIndex)
    {
        await using var bench = new CacheTestBench();
        await bench.EnsureAsync("a", "v1");
        Fill(bench, isIndex);
        NodeAgentException e = await Assert.ThrowsExactlyAsync<NodeAgentException>(() => bench.EnsureAsync("b", "v2"));
        Assert.AreEqual("ResourceExhausted", e.Code);
        Assert.Contains("the disk of the cache is full", e.Message);
        Assert.Contains("bytes free", e.Message);
        Assert.AreEqual(1, bench.StatusOf("a")!.Mounts);
        Assert.IsNotNull((await bench.EnsureAsync("b", "v2")).Path, "the disk has room again");
    }

    [TestMethod, Timeout(60_000)]
    public async Task Download_WhoseEndMeetsAFullDisk_EvictsAndIsReady()
    {
        await using var bench = new CacheTestBench();
        await bench.EnsureAsync("a", "v1");
        bench.Cache.Release("v1");
        bench.Source.Hold = new TaskCompletionSource();
        Task<Contracts.NodeCache.EnsureModelResponse> asked = bench.EnsureAsync("b", "v2");
        bench.FillDiskForIndexOf("b");
        bench.Source.Hold.SetResult();
        Assert.IsNotNull((await asked).Path);
        Assert.IsNull(bench.StatusOf("a"));
    }

    [TestMethod, Timeout(60_000)]
    public async Task ReleaseAndPin_OnAFullDisk_HoldAndAreWrittenLater()
    {
        await using var bench = new CacheTestBench();
        await bench.EnsureAsync("a", "v1");
        bench.Clock.Advance(TimeSpan.FromMinutes(2));
        bench.FillDiskForIndexOf("a");
        bench.Cache.Release("v1");
        Assert.AreEqual(0, bench.StatusOf("a")!.Mounts);
        bench.FillDiskForIndexOf("a");
        bench.Cache.Pin(new HashSet<string> { CacheTestBench.DigestOf("a") });
        Assert.IsTrue(bench.StatusOf("a")!.IsPinned);
        bench.Cache.Trim();
        DateTimeOffset? used = bench.StatusOf("a")!.LastUsed;
        bench.Restart();
        Assert.IsTrue(bench.StatusOf("a")!.IsPinned);
        Assert.AreEqual(used, bench.StatusOf("a")!.LastUsed);
    }

    private static void Fill(CacheTestBench bench, bool isIndex)
    {
        if (isIndex)
        {
            bench.FillDiskForIndexOf("b");
        }
        else
        {
            bench.FillDiskForLeaseOf("v2");
        }
    }
}
