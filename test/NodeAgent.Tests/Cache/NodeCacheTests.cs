using AiModels.Contracts.NodeCache;
using AiModels.NodeAgent.Cache;
using Microsoft.Extensions.Logging.Abstractions;

namespace AiModels.NodeAgent.Tests.Cache;

[TestClass]
public sealed class NodeCacheTests
{
    [TestMethod, Timeout(30_000)]
    public async Task Ensure_OfANewModel_FetchesItAndGivesItsFolder()
    {
        await using var bench = new CacheTestBench();
        EnsureModelResponse response = await bench.EnsureAsync("a", "v1");
        Assert.AreEqual("a", (await File.ReadAllTextAsync(Path.Combine(response.Path!, "config.json"))).TrimEnd());
        Assert.AreEqual(1, bench.StatusOf("a")!.Mounts);
        Assert.AreEqual("Ready", bench.StatusOf("a")!.State);
    }

    [TestMethod, Timeout(30_000)]
    public async Task Ensure_ByTwentyPodsAtOnce_IsOneDownloadAndOneCopy()
    {
        await using var bench = new CacheTestBench();
        bench.Source.Hold = new TaskCompletionSource();
        Task<EnsureModelResponse>[] all = [.. Enumerable.Range(0, 20).Select(i => bench.EnsureAsync("a", $"v{i}"))];
        bench.Source.Hold.SetResult();
        string?[] paths = [.. (await Task.WhenAll(all)).Select(response => response.Path).Distinct()];
        Assert.HasCount(1, paths);
        Assert.HasCount(1, bench.Source.Fetched);
        Assert.AreEqual(20, bench.StatusOf("a")!.Mounts);
    }

    [TestMethod, Timeout(30_000)]
    public async Task Ensure_WhileTheDownloadTakesLong_TellsTheBytesAndTakesNoLease()
    {
        await using var bench = new CacheTestBench();
        bench.Source.Hold = new TaskCompletionSource();
        Task<EnsureModelResponse> asked = bench.EnsureAsync("a", "v1");
        while (bench.StatusOf("a")?.BytesDownloaded != 1)
        {
            await Task.Yield();
        }

        while (!asked.IsCompleted)
        {
            bench.Clock.Advance(TimeSpan.FromSeconds(11));
            await Task.Yield();
        }

        EnsureModelResponse response = await asked;
        Assert.IsNull(response.Path);
        Assert.AreEqual((100L, 1L), (response.BytesExpected, response.BytesDownloaded));
        Assert.AreEqual(0, bench.StatusOf("a")!.Mounts);
    }

    [TestMethod, Timeout(30_000)]
    public async Task Ensure_WhenTheCacheIsFull_EvictsTheLeastRecentlyUsedThatNothingMounts()
    {
        await using var bench = new CacheTestBench();
        await bench.EnsureAsync("a", "v1");
        bench.Cache.Release("v1");
        bench.Clock.Advance(TimeSpan.FromMinutes(1));
        await bench.EnsureAsync("b", "v2");
        bench.Cache.Release("v2");
        await bench.EnsureAsync("c", "v3");
        Assert.IsNull(bench.StatusOf("a"));
        Assert.IsNotNull(bench.StatusOf("b"));
        Assert.HasCount(2, Directory.GetDirectories(bench.ModelsFolder));
    }

    [TestMethod, Timeout(30_000)]
    public async Task Ensure_WhenAllIsMounted_IsRefusedWithTheNumbersAndEvictsNothing()
    {
        await using var bench = new CacheTestBench();
        await bench.EnsureAsync("a", "v1");
        await bench.EnsureAsync("b", "v2");
        NodeAgentException e = await Assert.ThrowsExactlyAsync<NodeAgentException>(() => bench.EnsureAsync("c", "v3"));
        Assert.AreEqual("ResourceExhausted", e.Code);
        Assert.Contains("100 bytes", e.Message);
        Assert.Contains("200 are in use", e.Message);
        Assert.IsNotNull(bench.StatusOf("a"));
        Assert.IsNotNull(bench.StatusOf("b"));
        Assert.IsNull(bench.StatusOf("c"));
    }

    [TestMethod, Timeout(30_000)]
    public async Task Ensure_AfterAFailure_WaitsAndThenTriesAgain()
    {
        await using var bench = new CacheTestBench();
        bench.Source.Failure = new IOException("the registry is away");
        NodeAgentException e = await Assert.ThrowsExactlyAsync<NodeAgentException>(() => bench.EnsureAsync("a", "v1"));
        Assert.AreEqual("Unavailable", e.Code);
        Assert.Contains("the registry is away", e.Message);
        await Assert.ThrowsExactlyAsync<NodeAgentException>(() => bench.EnsureAsync("a", "v1"));
        Assert.HasCount(1, bench.Source.Fetched, "tried again before the pause was over");

        bench.Source.Failure = null;
        bench.Clock.Advance(TimeSpan.FromSeconds(11));
        Assert.IsNotNull((await bench.EnsureAsync("a", "v1")).Path);
    }

    [TestMethod, Timeout(30_000)]
    public async Task Ensure_OfAFolderThatSomebodyTookAway_FetchesItAgain()
    {
        await using var bench = new CacheTestBench();
        string path = (await bench.EnsureAsync("a", "v1")).Path!;
        NodeAgent.Materialization.ReadOnlyTree.Remove(path);
        Assert.AreEqual(path, (await bench.EnsureAsync("a", "v2")).Path);
        Assert.IsTrue(Directory.Exists(path));
        Assert.AreEqual(2, bench.StatusOf("a")!.Mounts, "the lease that was there still counts");
    }

    [TestMethod, Timeout(30_000)]
    public async Task Restart_KeepsModelsAndLeases()
    {
        await using var bench = new CacheTestBench();
        await bench.EnsureAsync("a", "v1");
        await bench.EnsureAsync("b", "v2");
        bench.Restart();
        Assert.AreEqual(1, bench.StatusOf("a")!.Mounts);
        await Assert.ThrowsExactlyAsync<NodeAgentException>(() => bench.EnsureAsync("c", "v3"), "a lease from before the restart protects nothing");
        Assert.HasCount(2, bench.Source.Fetched);
    }

    [TestMethod, Timeout(30_000)]
    public async Task Restart_DuringADownload_GoesOnByItself()
    {
        await using var bench = new CacheTestBench();
        bench.Source.Hold = new TaskCompletionSource();
        _ = bench.EnsureAsync("a", "v1");
        while (bench.Source.Fetched.IsEmpty)
        {
            await Task.Yield();
        }

        bench.Source.Hold = null;
        bench.Restart();
        while (bench.StatusOf("a")!.State != "Ready")
        {
            await Task.Yield();
        }

        Assert.HasCount(2, bench.Source.Fetched);
    }

    [TestMethod, Timeout(30_000)]
    public async Task Restart_WithAFolderThatNoIndexKnows_RemovesIt()
    {
        await using var bench = new CacheTestBench();
        Directory.CreateDirectory(Path.Combine(bench.ModelsFolder, ".abc.partial"));
        Directory.CreateDirectory(Path.Combine(bench.ModelsFolder, "def"));
        await File.WriteAllTextAsync(Path.Combine(bench.ModelsFolder, ".abc.journal"), "x");
        bench.Restart();
        Assert.IsEmpty(Directory.GetFileSystemEntries(bench.ModelsFolder));
    }

    [TestMethod, Timeout(30_000)]
    public async Task LeaseOfAGonePod_IsDroppedAtTheSecondLook()
    {
        await using var bench = new CacheTestBench();
        await bench.EnsureAsync("a", "v1");
        await bench.EnsureAsync("a", "v2");
        using var keeper = new LeaseKeeper(bench.Cache, bench.Mounts, bench.Authorizer, bench.Clock, NullLogger<LeaseKeeper>.Instance);
        bench.Authorizer.GonePods.Add("uid-v1");
        await keeper.LookAsync(CancellationToken.None);
        Assert.AreEqual(2, bench.StatusOf("a")!.Mounts);
        await keeper.LookAsync(CancellationToken.None);
        Assert.AreEqual(1, bench.StatusOf("a")!.Mounts);
    }

    [TestMethod, Timeout(30_000)]
    public async Task Release_OfAnUnknownVolume_IsASuccess()
    {
        await using var bench = new CacheTestBench();
        bench.Cache.Release("../../etc/passwd");
        Assert.IsEmpty(bench.Cache.Status().Models);
    }
}
