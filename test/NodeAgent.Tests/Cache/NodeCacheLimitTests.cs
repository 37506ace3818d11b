using AiModels.Contracts.NodeCache;

namespace AiModels.NodeAgent.Tests.Cache;

/// <summary>The limit holds for what was begun under a larger one and for what is damaged and mounted. Each model has 100 bytes.</summary>
[TestClass]
public sealed class NodeCacheLimitTests
{
    [TestMethod, Timeout(60_000)]
    public async Task Restart_WithASmallerCapacityDuringDownloads_GoesOnWithThoseThatFit()
    {
        await using var bench = new CacheTestBench(capacity: 400);
        bench.Source.Hold = new TaskCompletionSource();
        foreach (string model in (string[])["a", "b", "c"])
        {
            _ = bench.EnsureAsync(model, "v-" + model);
            bench.Clock.Advance(TimeSpan.FromMinutes(1));
        }

        bench.Source.Hold = new TaskCompletionSource();
        bench.Capacity = 250;
        bench.Restart();
        NodeCacheStatus status = bench.Cache.Status();
        Assert.AreEqual(200, status.UsedBytes);
        Assert.IsNull(bench.StatusOf("a"), "asked for before the others");
        Assert.Contains("needs 100 bytes; the cache of node node-1 holds 250, of which 200 are in use", status.LastErrors.Single().Message);
        NodeAgentException e = await Assert.ThrowsExactlyAsync<NodeAgentException>(() => bench.EnsureAsync("a", "v-a"));
        Assert.AreEqual("ResourceExhausted", e.Code);

        bench.Source.Hold.SetResult();
        await bench.WhenReadyAsync("b");
        await bench.WhenReadyAsync("c");
        Assert.IsNotNull((await bench.EnsureAsync("a", "v-a")).Path, "once something else can go");
    }

    [TestMethod, Timeout(60_000)]
    public async Task Restart_WithASmallerCapacity_GoesOnWithWhatIsMountedAndEvictsWhatIsNot()
    {
        await using var bench = new CacheTestBench(capacity: 400);
        await CutAsync((await bench.EnsureAsync("a", "v1")).Path!);
        bench.Clock.Advance(TimeSpan.FromMinutes(1));
        await bench.EnsureAsync("b", "v2");
        bench.Cache.Release("v2");
        bench.Clock.Advance(TimeSpan.FromMinutes(1));
        bench.Source.Hold = new TaskCompletionSource();
        _ = bench.EnsureAsync("c", "v3");

        bench.Source.Hold = null;
        bench.Capacity = 150;
        bench.Restart();
        await bench.WhenReadyAsync("a");
        Assert.AreEqual(1, bench.StatusOf("a")!.Mounts);
        Assert.IsNull(bench.StatusOf("b"));
        Assert.IsNull(bench.StatusOf("c"));
        Assert.AreEqual(100, bench.Cache.Status().UsedBytes);
    }

    [TestMethod, Timeout(60_000)]
    public async Task Restart_WithAModelThatIsNotWholeAndMounted_KeepsWhatIsMounted()
    {
        await using var bench = new CacheTestBench();
        await CutAsync((await bench.EnsureAsync("a", "v1")).Path!);
        bench.Mounts.Aside = ("a", bench.ModelsFolder);
        bench.Restart();
        await bench.WhenReadyAsync("a");
        string aside = Directory.GetDirectories(bench.ModelsFolder, ".damaged-*").Single();
        Assert.AreEqual("cut", await File.ReadAllTextAsync(Path.Combine(aside, "config.json")));
        Assert.AreEqual(103, bench.Cache.Status().UsedBytes, "both are on the disk");
    }

    [TestMethod, Timeout(60_000)]
    public async Task Scrub_OfADamagedModelThatIsMounted_CountsBothCopies()
    {
        await using var bench = new CacheTestBench();
        await bench.EnsureAsync("a", "v1");
        bench.Clock.Advance(TimeSpan.FromMinutes(1));
        await bench.EnsureAsync("b", "v2");
        bench.Mounts.Aside = ("a", bench.ModelsFolder);
        bench.Source.Damage = "weights.bin is not what it was";
        await bench.Cache.ScrubOneAsync(1000, CancellationToken.None);
        Assert.AreEqual(200, bench.Cache.Status().UsedBytes, "no room for a third");
        Assert.Contains("of which 200 are in use", bench.Cache.Status().LastErrors[0].Message);
        NodeAgentException e = await Assert.ThrowsExactlyAsync<NodeAgentException>(() => bench.EnsureAsync("a", "v3"));
        Assert.AreEqual("ResourceExhausted", e.Code);

        bench.Cache.Release("v2");
        Assert.IsNotNull((await bench.EnsureAsync("a", "v3")).Path, "b makes room");
        Assert.AreEqual((200L, 2), (bench.Cache.Status().UsedBytes, bench.StatusOf("a")!.Mounts));
        bench.Mounts.Aside = null;
        bench.Cache.Trim();
        Assert.AreEqual(100, bench.Cache.Status().UsedBytes);
    }

    private static async Task CutAsync(string folder)
    {
        string file = Path.Combine(folder, "config.json");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await File.WriteAllTextAsync(file, "cut");
    }
}
