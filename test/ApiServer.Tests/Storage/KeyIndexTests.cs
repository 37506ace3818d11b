using AiModels.EtcdStore;
using AiModels.TestKit;

namespace AiModels.ApiServer.Tests.Storage;

/// <summary>What a replica knows of etcd's keys without asking.</summary>
[TestClass]
public sealed class KeyIndexTests
{
    private readonly ManualClock _clock = new();

    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    public void Read_GivesThePrefixInOrder_AndHowManyFollow()
    {
        KeyIndex index = Loaded(10, "/g/a/ns/x", "/g/b-c/x", "/g/b/a/x", "/g/b/a/y", "/g/b/a0", "/g/b/b/x", "/g/b0/x");

        CollectionAssert.AreEqual(new[] { "/g/b/a/x", "/g/b/a/y", "/g/b/a0", "/g/b/b/x" }, Paths(index.Read("/g/b/", null, 0, 0)));
        CollectionAssert.AreEqual(new[] { "/g/b/a/x", "/g/b/a/y" }, Paths(index.Read("/g/b/a/", null, 0, 0)));
        CollectionAssert.AreEqual(Array.Empty<string>(), Paths(index.Read("/h/", null, 0, 0)));

        IndexedPage page = index.Read("/g/b/", "/g/b/a/x", 2, 10)!;
        CollectionAssert.AreEqual(new[] { "/g/b/a/y", "/g/b/a0" }, Paths(page));
        Assert.AreEqual((10L, 1L), (page.Revision, page.Remaining));
        CollectionAssert.AreEqual(new[] { "/g/b/b/x" }, Paths(index.Read("/g/b/", "/g/b/a/z-is-not-there", 0, 0))?[^1..]);
        CollectionAssert.AreEqual(new[] { "/g/b/a/x" }, Paths(index.Read("/g/b/", "/g/a", 1, 0)), "a key before the prefix leaves nothing out");
    }

    [TestMethod]
    public void Read_AtAnotherRevision_IsNothing()
    {
        KeyIndex index = Loaded(10, "/g/a/x");
        Assert.IsNotNull(index.Read("/g/a/", null, 0, 10));
        Assert.IsNull(index.Read("/g/a/", null, 0, 9));
        Assert.IsNull(index.Read("/g/a/", null, 0, 11));
        index.Clear();
        Assert.IsNull(index.Read("/g/a/", null, 0, 0));
        Assert.IsNull(index.RevisionOf("/g/a/x"));
        Assert.IsNull(new KeyIndex(_clock).Read("/g/a/", null, 0, 0));
    }

    [TestMethod]
    public void Follow_PassesOverWhatItWasLoadedWith_AndKnowsNothingBeforeItIsLoaded()
    {
        KeyIndex index = Loaded(10, "/g/a/x");
        index.Follow([new("/g/a/x", 8, IsDelete: true), new("/g/a/y", 9, IsDelete: false)], 9);
        Assert.AreEqual((10L, 10L, null), (index.Revision, index.RevisionOf("/g/a/x"), index.RevisionOf("/g/a/y")));
        index.Follow([new("/g/a/y", 9, IsDelete: false), new("/g/a/z", 12, IsDelete: false)], 12);
        Assert.AreEqual((12L, null, 12L), (index.Revision, index.RevisionOf("/g/a/y"), index.RevisionOf("/g/a/z")));

        var empty = new KeyIndex(_clock);
        empty.Follow([new("/g/a/x", 8, IsDelete: false)], 8);
        Assert.AreEqual(0, empty.Revision);
    }

    [TestMethod]
    public void Follow_OfManyChanges_IsWhereADictionaryWouldBe()
    {
        var random = new Random(7);
        KeyIndex index = Loaded(1);
        var expected = new SortedDictionary<string, long>(StringComparer.Ordinal);
        for (long revision = 2; revision < 5000; revision++)
        {
            string path = $"/g/{"ab"[random.Next(2)]}/n{random.Next(300)}";
            bool isDelete = random.Next(3) == 0;
            index.Follow([new(path, revision, isDelete)], revision);
            if (isDelete)
            {
                expected.Remove(path);
            }
            else
            {
                expected[path] = revision;
            }
        }

        foreach (string prefix in new[] { "/g/a/", "/g/b/", "/g/" })
        {
            IndexedKey[] keys = [.. expected.Where(pair => pair.Key.StartsWith(prefix, StringComparison.Ordinal)).Select(pair => new IndexedKey(pair.Key, pair.Value))];
            CollectionAssert.AreEqual(keys, index.Read(prefix, null, 0, 4999)!.Keys.ToArray());
        }
    }

    [TestMethod]
    public async Task Reach_WaitsForTheWatch_ButNotLong_AndNotAgainBeforeItMoves()
    {
        KeyIndex index = Loaded(10);
        Assert.IsTrue(await index.ReachAsync(10, Cancelled));

        Task<bool> coming = index.ReachAsync(12, Cancelled).AsTask();
        index.Follow([], 11);
        Assert.IsFalse(coming.IsCompleted);
        index.Follow([], 12);
        Assert.IsTrue(await coming);

        Task<bool> vain = index.ReachAsync(20, Cancelled).AsTask();
        Assert.IsFalse(vain.IsCompleted);
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.IsFalse(await vain);
        Assert.IsFalse(await index.ReachAsync(20, Cancelled), "the clock stands: a wait would not end");
        Assert.IsTrue(await index.ReachAsync(12, Cancelled));

        index.Follow([], 13);
        Task<bool> again = index.ReachAsync(20, Cancelled).AsTask();
        Assert.IsFalse(again.IsCompleted);
        index.Follow([], 21);
        Assert.IsTrue(await again);
    }

    [TestMethod]
    public async Task Reach_Cancelled_Ends()
    {
        using var stop = new CancellationTokenSource();
        Task<bool> waiting = Loaded(10).ReachAsync(11, stop.Token).AsTask();
        await stop.CancelAsync();
        await Assert.ThrowsAsync<OperationCanceledException>(() => waiting);
    }

    private CancellationToken Cancelled => TestContext.CancellationToken;

    private KeyIndex Loaded(long revision, params string[] paths)
    {
        var index = new KeyIndex(_clock);
        index.Load(paths.Order(StringComparer.Ordinal).Select(path => new IndexedKey(path, revision)), revision);
        return index;
    }

    private static string[]? Paths(IndexedPage? page) => page?.Keys.Select(key => key.Path).ToArray();
}
