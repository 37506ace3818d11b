using AiModels.ApiMachinery.Storage;
using AiModels.TestKit;

namespace AiModels.ApiServer.Tests.Storage;

/// <summary>Many watchers on one stream of events.</summary>
[TestClass]
public sealed class WatchHubTests
{
    private const string Prefix = "/g/r/";

    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    [Timeout(30_000, CooperativeCancellation = true)]
    public async Task Publish_ToManyWatchers_GivesEachTheSameEventObjects()
    {
        const int watchers = 200, events = 500;
        var hub = new WatchHub(0, new NoHistory());
        Task<List<StoreEvent>>[] seen = [.. Enumerable.Range(0, watchers).Select(_ => TakeAsync(hub, events))];
        var published = Enumerable.Range(1, events).Select(Event).ToList();

        foreach (HubEvent[] batch in published.Chunk(7))
        {
            hub.Publish(batch);
        }

        foreach (List<StoreEvent> list in await Task.WhenAll(seen))
        {
            Assert.IsTrue(list.SequenceEqual(published.Select(p => p.Event), ReferenceEqualityComparer.Instance));
        }

        Assert.AreEqual(0, hub.WatcherCount, "a watch that ended is forgotten");
    }

    [TestMethod]
    [Timeout(30_000, CooperativeCancellation = true)]
    public async Task Watch_BeyondTheRing_AsksTheHistory()
    {
        var hub = new WatchHub(0, new NoHistory(), capacity: 8);
        hub.Publish([.. Enumerable.Range(1, 20).Select(Event)]);

        await Assert.ThrowsExactlyAsync<RevisionCompactedException>(() => TakeAsync(hub, 1, after: 11));
        Assert.AreEqual(13, (await TakeAsync(hub, 1, after: 12)).Single().Object.Revision);
    }

    [TestMethod]
    [Timeout(30_000, CooperativeCancellation = true)]
    public async Task Ring_IsBoundedInBytes()
    {
        var hub = new WatchHub(0, new NoHistory(), maximumBytes: 1000);
        hub.Publish([.. Enumerable.Range(1, 20).Select(Event)]);

        await Assert.ThrowsExactlyAsync<RevisionCompactedException>(() => TakeAsync(hub, 1, after: 9));
        Assert.HasCount(10, await TakeAsync(hub, 10, after: 10));
    }

    [TestMethod]
    [Timeout(30_000, CooperativeCancellation = true)]
    public async Task Close_EndsWaitingWatches()
    {
        var hub = new WatchHub(0, new NoHistory());
        Task<List<StoreEvent>> waiting = TakeAsync(hub, 1);

        hub.Close();

        await Assert.ThrowsExactlyAsync<StoreUnavailableException>(() => waiting);
    }

    [TestMethod]
    [Timeout(30_000, CooperativeCancellation = true)]
    public async Task WatchedRevision_IsThatOfTheWatcherFurthestBehind()
    {
        var reading = new TaskCompletionSource();
        var answer = new TaskCompletionSource<HistoryPage>();
        var hub = new WatchHub(0, new LateHistory(reading, answer.Task), capacity: 4);
        hub.Publish([.. Enumerable.Range(1, 20).Select(Event)]);
        Assert.AreEqual(20, hub.WatchedRevision);

        Task<List<StoreEvent>> late = TakeAsync(hub, 4, after: 3);
        await reading.Task;
        Assert.AreEqual(3, hub.WatchedRevision, "one watcher has nothing beyond 3 yet");

        answer.SetResult(new HistoryPage([], 16));
        CollectionAssert.AreEqual(new long[] { 17, 18, 19, 20 }, (await late).Select(e => e.Object.Revision).ToArray());
        Assert.AreEqual(20, hub.WatchedRevision);
    }

    [TestMethod]
    [Timeout(30_000, CooperativeCancellation = true)]
    public async Task Advance_MovesQuietWatchersOn_WithoutAnEvent()
    {
        var hub = new WatchHub(0, new NoHistory(), capacity: 4);
        Task<List<StoreEvent>> quiet = TakeAsync(hub, 1);

        hub.Advance(50);
        Assert.AreEqual(50, hub.WatchedRevision);
        hub.Publish([Event(51)]);

        Assert.AreEqual(51, (await quiet).Single().Object.Revision);
    }

    [TestMethod]
    [Timeout(30_000, CooperativeCancellation = true)]
    public async Task Reset_RefersWatchersToTheHistory_AndBeginsAnew()
    {
        var hub = new WatchHub(0, new NoHistory());
        hub.Publish([.. Enumerable.Range(1, 5).Select(Event)]);
        await using IAsyncEnumerator<StoreEvent> watch = hub.WatchAsync(Prefix, 5, TestContext.CancellationToken).GetAsyncEnumerator(TestContext.CancellationToken);
        Task<bool> waiting = watch.MoveNextAsync().AsTask();

        hub.Reset(9);
        hub.Publish([Event(10)]);

        await Assert.ThrowsExactlyAsync<RevisionCompactedException>(() => waiting);
        await Assert.ThrowsExactlyAsync<RevisionCompactedException>(() => TakeAsync(hub, 1, after: 8));
        Assert.AreEqual(10, (await TakeAsync(hub, 1, after: 9)).Single().Object.Revision);
    }

    [TestMethod]
    [Timeout(30_000, CooperativeCancellation = true)]
    public async Task Aging_DropsWhatIsOld_AndKeepsWhatIsYoung()
    {
        var clock = new ManualClock();
        var hub = new WatchHub(0, new NoHistory());
        await using var aging = new WatchHubAging(hub, clock);
        hub.Publish([.. Enumerable.Range(1, 5).Select(Event)]);

        clock.Advance(WatchHubAging.Age);
        hub.Publish([.. Enumerable.Range(6, 2).Select(Event)]);
        Assert.HasCount(7, await TakeAsync(hub, 7), "nothing of it is old yet");
        clock.Advance(WatchHubAging.Age);

        await Assert.ThrowsExactlyAsync<RevisionCompactedException>(() => TakeAsync(hub, 1, after: 4));
        Assert.AreEqual(6, (await TakeAsync(hub, 1, after: 5)).Single().Object.Revision);
    }

    // 100 bytes each.
    private static HubEvent Event(int revision)
    {
        var key = new ObjectKey("g", "r", "", $"n{revision}");
        return new HubEvent(key.ToString(), new StoreEvent(StoreEventType.Created, new StoredObject(key, revision, new byte[100]), null));
    }

    private async Task<List<StoreEvent>> TakeAsync(WatchHub hub, int count, long after = 0)
    {
        var list = new List<StoreEvent>();
        await foreach (StoreEvent e in hub.WatchAsync(Prefix, after, TestContext.CancellationToken))
        {
            list.Add(e);
            if (list.Count == count)
            {
                break;
            }
        }

        return list;
    }

    private sealed class LateHistory(TaskCompletionSource reading, Task<HistoryPage> answer) : IWatchHistory
    {
        public async ValueTask<HistoryPage> ReadAsync(string prefix, long afterRevision, CancellationToken cancellationToken)
        {
            reading.TrySetResult();
            return await answer.WaitAsync(cancellationToken);
        }
    }

    private sealed class NoHistory : IWatchHistory
    {
        public ValueTask<HistoryPage> ReadAsync(string prefix, long afterRevision, CancellationToken cancellationToken) =>
            throw new RevisionCompactedException(afterRevision, long.MaxValue);
    }
}
