using AiModels.ApiMachinery.Storage;

namespace AiModels.ApiServer.Tests.Storage;

/// <summary>What lists have read and the next list may use.</summary>
[TestClass]
public sealed class ValueCacheTests
{
    private static readonly ObjectKey Key = new("g", "r", "", "a");

    [TestMethod]
    public void Find_OfAnotherRevision_IsNothing()
    {
        var cache = new ValueCache();
        StoredObject stored = Object(5);
        cache.Keep("/g/r/a", stored);

        Assert.AreSame(stored, cache.Find("/g/r/a", 5));
        Assert.IsNull(cache.Find("/g/r/a", 4));
        Assert.IsNull(cache.Find("/g/r/b", 5));
    }

    [TestMethod]
    public void Keep_OfWhatAListAtAnOlderRevisionRead_LeavesTheNewer()
    {
        var cache = new ValueCache();
        cache.Keep("/g/r/a", Object(5));
        cache.Keep("/g/r/a", Object(3));

        Assert.IsNotNull(cache.Find("/g/r/a", 5));
        Assert.IsNull(cache.Find("/g/r/a", 3));
    }

    [TestMethod]
    public void Follow_ReplacesAndRemovesWhatIsThere_AndTakesInNothingElse()
    {
        var cache = new ValueCache();
        cache.Keep("/g/r/a", Object(5));

        cache.Follow([Event(StoreEventType.Updated, "/g/r/a", 7), Event(StoreEventType.Created, "/g/r/b", 8)]);
        Assert.IsNotNull(cache.Find("/g/r/a", 7));
        Assert.IsNull(cache.Find("/g/r/b", 8));

        cache.Follow([Event(StoreEventType.Deleted, "/g/r/a", 9)]);
        Assert.IsTrue(cache.IsEmpty);
    }

    [TestMethod]
    public void Follow_OfAnEventThatAReadWasAheadOf_ChangesNothing()
    {
        var cache = new ValueCache();
        cache.Keep("/g/r/a", Object(9));

        cache.Follow([Event(StoreEventType.Updated, "/g/r/a", 7), Event(StoreEventType.Deleted, "/g/r/a", 8)]);

        Assert.IsNotNull(cache.Find("/g/r/a", 9));
    }

    [TestMethod]
    public void Keep_BeyondTheBound_TakesNothingIn_UntilThereIsRoom()
    {
        var cache = new ValueCache(maximumBytes: 2 * 1600);
        foreach (string path in (string[])["/g/r/a", "/g/r/b", "/g/r/c"])
        {
            cache.Keep(path, Object(5));
        }

        Assert.IsNotNull(cache.Find("/g/r/b", 5));
        Assert.IsNull(cache.Find("/g/r/c", 5));

        cache.Follow([Event(StoreEventType.Deleted, "/g/r/a", 6)]);
        cache.Keep("/g/r/c", Object(5));
        Assert.IsNotNull(cache.Find("/g/r/c", 5));

        cache.Clear();
        cache.Keep("/g/r/d", Object(5));
        Assert.IsNotNull(cache.Find("/g/r/d", 5), "what was cleared has left its room");
    }

    [TestMethod]
    public void Keep_WithoutRoomAtAll_KeepsNothing()
    {
        var cache = new ValueCache(maximumBytes: 0);
        cache.Keep("/g/r/a", Object(5));
        Assert.IsTrue(cache.IsEmpty);
    }

    private static StoredObject Object(long revision) => new(Key, revision, new byte[1000]);

    private static HubEvent Event(StoreEventType type, string path, long revision) => new(path, new StoreEvent(type, Object(revision), null));
}
