using AiModels.ApiMachinery.Storage;
using AiModels.EtcdStore;

namespace AiModels.ApiServer.Tests.Storage;

[TestClass]
public sealed class EtcdObjectStoreTests : ObjectStoreContract
{
    private const string Models = "/ai.deckhouse.io/models/";
    private readonly string _prefix = SharedEtcd.NewPrefix();

    protected override async ValueTask<IObjectStore> OpenAsync() => await OpenStoreAsync();

    protected override async ValueTask<IObjectStore> OpenAgainAsync() => await OpenStoreAsync();

    [TestMethod]
    public async Task Replicas_SeeEachOthersWritesAtOnce_AndGetTheSameEvents()
    {
        await using EtcdObjectStore other = await OpenStoreAsync();
        long start = await Store.GetRevisionAsync(Cancelled);
        Task<List<StoreEvent>> watch = TakeAsync(Models, start, 3);

        long created = (await other.CreateAsync(Key("a"), Bytes("one"), Cancelled)).Object!.Revision;
        Assert.AreEqual(created, (await Store.GetAsync(Key("a"), Cancelled))!.Revision);
        Assert.AreEqual(created, await Store.GetRevisionAsync(Cancelled));
        long updated = await UpdateAsync(Key("a"), created, "two");
        Assert.AreEqual(updated, (await other.ListAsync(new ListRequest { Prefix = Models }, Cancelled)).Revision);
        await other.DeleteAsync(Key("a"), updated, Cancelled);

        CollectionAssert.AreEqual(
            new[] { StoreEventType.Created, StoreEventType.Updated, StoreEventType.Deleted }, (await watch).Select(e => e.Type).ToArray());
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Reads_OfOneReplica_ShowWhatAnotherWasTold_HoweverSoonTheyCome()
    {
        const int keys = 40, rounds = 25;
        await using EtcdObjectStore other = await OpenStoreAsync();
        for (int i = 0; i < keys; i++)
        {
            await CreateAsync(Key($"m{i:00}"), "0");
        }

        await other.ListAsync(new ListRequest { Prefix = Models }, Cancelled); // from here on it has the values
        await Task.WhenAll(Enumerable.Range(0, keys).Select(i => Task.Run(async () =>
        {
            ObjectKey key = Key($"m{i:00}");
            for (int round = 1; round <= rounds; round++)
            {
                StoredObject before = (await other.GetAsync(key, Cancelled))!;
                Assert.AreEqual($"{round - 1}", Text(before.Value));
                long written = await UpdateAsync(key, before.Revision, $"{round}");
                StoredList list = await other.ListAsync(new ListRequest { Prefix = Models }, Cancelled);
                Assert.IsGreaterThanOrEqualTo(written, list.Revision);
                Assert.HasCount(keys, list.Objects);
                StoredObject seen = list.Objects[i];
                Assert.AreEqual((key, written, $"{round}"), (seen.Key, seen.Revision, Text(seen.Value)));
            }
        })));
    }

    [TestMethod]
    public async Task Reads_WhileOthersWriteToTheSameEtcd_AreAsNewAsEver()
    {
        await using EtcdObjectStore foreign = SharedEtcd.Open((await SharedEtcd.GetAsync()).Servers, SharedEtcd.NewPrefix());
        long first = await CreateAsync(Key("a"), "one");
        await CreateAsync(Key("b"), "two");
        for (int i = 0; i < 20; i++)
        {
            long theirs = (await foreign.CreateAsync(Key($"f{i}"), Bytes("x"), Cancelled)).Object!.Revision;
            StoredList list = await Store.ListAsync(new ListRequest { Prefix = Models }, Cancelled);
            Assert.IsGreaterThanOrEqualTo(theirs, list.Revision);
            CollectionAssert.AreEqual(new[] { "a", "b" }, list.Objects.Select(o => o.Key.Name).ToArray());
            Assert.AreEqual(first, (await Store.GetAsync(Key("a"), Cancelled))!.Revision);
        }
    }

    [TestMethod]
    public async Task Watch_OfAReplicaThatWasStartedLater_ReachesIntoItsPast()
    {
        long start = await Store.GetRevisionAsync(Cancelled);
        for (int i = 0; i < 50; i++)
        {
            await CreateAsync(Key($"m{i}"), "x");
        }

        // One replica has all of it in its ring, the other has to ask etcd for the beginning.
        foreach (int watchEvents in new[] { 8192, 4 })
        {
            await using EtcdObjectStore late = await OpenStoreAsync(watchEvents);
            await using IAsyncEnumerator<StoreEvent> watch = late.WatchAsync(Models, start, Cancelled).GetAsyncEnumerator(Cancelled);
            for (int i = 0; i < 50; i++)
            {
                Assert.IsTrue(await watch.MoveNextAsync());
                Assert.AreEqual($"m{i}", watch.Current.Object.Key.Name);
            }
        }
    }

    [TestMethod]
    public async Task Watch_BehindTheHubsMemory_IsServedFromEtcdsHistory()
    {
        await using EtcdObjectStore small = await OpenStoreAsync(watchEvents: 4);
        long start = await small.GetRevisionAsync(Cancelled);
        await using IAsyncEnumerator<StoreEvent> watch = small.WatchAsync(Models, start, Cancelled).GetAsyncEnumerator(Cancelled);
        for (int i = 0; i < 200; i++)
        {
            await small.CreateAsync(Key($"m{i}"), Bytes("x"), Cancelled);
            if (i == 0)
            {
                Assert.IsTrue(await watch.MoveNextAsync());
            }
        }

        for (int i = 1; i < 200; i++)
        {
            Assert.IsTrue(await watch.MoveNextAsync());
            Assert.AreEqual($"m{i}", watch.Current.Object.Key.Name);
        }
    }

    [TestMethod]
    public async Task Watch_TooSlowForTheHistory_EndsWithCompacted()
    {
        await using EtcdObjectStore small = await OpenStoreAsync(watchEvents: 4);
        long start = await small.GetRevisionAsync(Cancelled);
        await using IAsyncEnumerator<StoreEvent> watch = small.WatchAsync(Models, start, Cancelled).GetAsyncEnumerator(Cancelled);
        await small.CreateAsync(Key("first"), Bytes("x"), Cancelled);
        Assert.IsTrue(await watch.MoveNextAsync());
        for (int i = 0; i < 20; i++)
        {
            await small.CreateAsync(Key($"m{i}"), Bytes("x"), Cancelled);
        }

        long newest = await small.GetRevisionAsync(Cancelled);
        await TestKit.Eventually.GetAsync(() => Task.FromResult(small.WatchedRevision), seen => seen >= newest, "the hub has it all", Cancelled);
        await small.CompactAsync(long.MaxValue, Cancelled);

        await Assert.ThrowsExactlyAsync<RevisionCompactedException>(async () => await watch.MoveNextAsync());
    }

    [TestMethod]
    public async Task Watch_ExactlyBeforeTheCompactedRevision_IsRefused()
    {
        long first = await CreateAsync(Key("a"), "one");
        long second = (await Store.DeleteAsync(Key("a"), first, Cancelled)).Object!.Revision;
        long third = await CreateAsync(Key("b"), "x");
        await Store.CompactAsync(second, Cancelled);
        await using EtcdObjectStore fresh = await OpenStoreAsync();

        // etcd itself would give a watch of revision "second" that silently lacks the delete at it.
        await Assert.ThrowsExactlyAsync<RevisionCompactedException>(async () => await FirstAsync(fresh, first));
        Assert.AreEqual(third, (await FirstAsync(fresh, second)).Object.Revision);
    }

    [TestMethod]
    public async Task Write_OfWhatEtcdDoesNotTake_SaysSo()
    {
        var refusal = await Assert.ThrowsExactlyAsync<ValueTooLargeException>(
            async () => await Store.CreateAsync(Key("huge"), new byte[9 << 20], Cancelled));

        StringAssert.Contains(refusal.Message, "--max-request-bytes");
        Assert.IsNull(await Store.GetAsync(Key("huge"), Cancelled));
    }

    [TestMethod]
    public async Task List_OfObjectsTooLargeForOneAnswer_IsReadInSmallerPages()
    {
        byte[] large = new byte[3_000_000];
        for (int i = 0; i < 25; i++)
        {
            await Store.CreateAsync(Key($"m{i:00}"), large, Cancelled);
        }

        StoredList list = await Store.ListAsync(new ListRequest { Prefix = Models }, Cancelled);

        CollectionAssert.AreEqual(Enumerable.Range(0, 25).Select(i => $"m{i:00}").ToArray(), list.Objects.Select(o => o.Key.Name).ToArray());
        Assert.IsTrue(list.Objects.All(o => o.Value.Length == large.Length));
    }

    private async Task<EtcdObjectStore> OpenStoreAsync(int watchEvents = 8192) =>
        SharedEtcd.Open((await SharedEtcd.GetAsync()).Servers, _prefix, watchEvents);

    private async Task<StoreEvent> FirstAsync(EtcdObjectStore store, long after)
    {
        await foreach (StoreEvent change in store.WatchAsync(Models, after, Cancelled))
        {
            return change;
        }

        throw new InvalidOperationException("the watch ended");
    }
}
