using AiModels.NodeAgent.Authorization;
using AiModels.NodeAgent.Cache;

namespace AiModels.NodeAgent.Tests.Cache;

[TestClass]
public sealed class EvictionTests
{
    private static readonly CacheLimits Limits = new(Capacity: 1000, High: 900, Low: 500);
    private static readonly DateTimeOffset Epoch = DateTimeOffset.UnixEpoch;

    [TestMethod]
    public void MakeRoom_BelowTheHighMark_EvictsNothing() => Assert.IsEmpty(Evicted(needed: 100, Entry("a", 400), Entry("b", 400)));

    [TestMethod]
    public void MakeRoom_AboveTheHighMark_EvictsTheOldestDownToTheLowMark() =>
        Assert.AreSequenceEqual(["a", "b", "c"], Evicted(needed: 200, Entry("a", 200), Entry("b", 200), Entry("c", 200), Entry("d", 200)));

    [TestMethod]
    public void MakeRoom_WithPinnedMountedAndLeased_PassesThemOver()
    {
        CacheEntry pinned = Entry("pinned", 200), leased = Entry("leased", 200), downloading = Entry("downloading", 100);
        pinned.IsPinned = true;
        leased.Leases.Add("v1");
        downloading.State = CacheEntryState.Downloading;
        Assert.AreSequenceEqual(["old"], Evicted(needed: 200, ["sha256:mounted"], pinned, leased, downloading, Entry("mounted", 100), Entry("old", 200)));
    }

    [TestMethod]
    public void MakeRoom_WhenTheRestIsInUse_GoesAboveTheMarksButNotAboveTheCapacity()
    {
        CacheEntry leased = Entry("leased", 700);
        leased.Leases.Add("v1");
        Assert.AreSequenceEqual(["old"], Evicted(needed: 300, leased, Entry("old", 200)));
        Assert.IsNull(Eviction.MakeRoom([leased, Entry("old", 200)], 301, Limits, new HashSet<string>()));
    }

    [TestMethod]
    public void MakeRoom_OfModelsThatShareFiles_CountsAFileOnceAndFreesItWithItsLastModel()
    {
        CacheEntry one = Entry("one", 600, ("shared", 500), ("one", 100));
        CacheEntry two = Entry("two", 600, ("shared", 500), ("two", 100));
        Assert.AreEqual(700, CacheUsage.Of([one, two]));
        Assert.IsEmpty(Evicted(needed: 200, one, two));
        Assert.AreSequenceEqual(["one", "two"], Evicted(needed: 400, one, two), "the first alone frees 100 bytes");
    }

    private static CacheEntry Entry(string name, long size, params (string Content, long Length)[] files)
    {
        (string, long)[] own = files.Length > 0 ? files : [(name, size)];
        return new CacheEntry(new AuthorizedModel("Model", "team-a", name, "sha256:" + name, size), Epoch)
        {
            State = CacheEntryState.Ready,
            Files = [.. own.Select(file => new CachedFile(file.Item1, file.Item2, file.Item1))],
        };
    }

    private static List<string> Evicted(long needed, params CacheEntry[] entries) => Evicted(needed, [], entries);

    private static List<string> Evicted(long needed, string[] mounted, params CacheEntry[] entries)
    {
        for (int i = 0; i < entries.Length; i++)
        {
            entries[i].LastUsed = Epoch.AddMinutes(i);
        }

        return Eviction.MakeRoom(entries, needed, Limits, mounted.ToHashSet())!.Select(entry => entry.Model.Name).ToList();
    }
}
