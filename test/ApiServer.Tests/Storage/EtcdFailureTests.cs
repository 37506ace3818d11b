using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using AiModels.ApiMachinery.Storage;
using AiModels.EtcdStore;
using AiModels.TestKit;

namespace AiModels.ApiServer.Tests.Storage;

/// <summary>etcd goes away, comes back, and changes its leader: what was acknowledged is there, and every watcher sees each change once and in order.</summary>
[TestClass]
public sealed class EtcdFailureTests
{
    private const string Prefix = "/test/counters/";

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Cancelled => TestContext.CancellationToken;

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Open_WithoutEtcd_WaitsForNothing_AndSaysWhatIsWrong()
    {
        var nowhere = new Uri($"http://127.0.0.1:{FreePorts.Block(1)}");
        await using EtcdObjectStore store = SharedEtcd.Open([nowhere], "/x", patience: TimeSpan.FromSeconds(1));

        Assert.AreEqual(0, store.WatchedRevision);
        var read = await Assert.ThrowsExactlyAsync<StoreUnavailableException>(async () => await store.GetAsync(Key("a"), Cancelled));
        var write = await Assert.ThrowsExactlyAsync<StoreUnavailableException>(async () => await store.CreateAsync(Key("a"), new byte[1], Cancelled));

        StringAssert.Contains(read.Message, nowhere.Authority);
        StringAssert.Contains(write.Message, nowhere.Authority);
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Kill_OfTheOnlyMember_IsWaitedOut()
    {
        await using RunningEtcd etcd = await RunningEtcd.StartAsync(cancellationToken: Cancelled);
        await using EtcdObjectStore store = SharedEtcd.Open(etcd.Servers, "/x", patience: TimeSpan.FromSeconds(60));
        Task<List<StoreEvent>> watch = TakeAsync(store, await store.GetRevisionAsync(Cancelled), 20);
        for (int i = 0; i < 20; i++)
        {
            if (i % 8 == 7)
            {
                await etcd.KillMemberAsync(0);
                Task<StoredObject?> read = store.GetAsync(Key("m0"), Cancelled).AsTask();
                await etcd.StartMemberAsync(0, Cancelled);
                Assert.IsNotNull(await read, "a read waits until etcd is back");
            }

            await store.CreateAsync(Key($"m{i}"), new byte[10], Cancelled);
        }

        CollectionAssert.AreEqual(Enumerable.Range(0, 20).Select(i => $"m{i}").ToArray(), (await watch).Select(e => e.Object.Key.Name).ToArray());
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Restore_FromAnOlderCopy_IsNotHiddenByWhatAReplicaRemembers()
    {
        using var copies = new TempFolder();
        await using RunningEtcd etcd = await RunningEtcd.StartAsync(cancellationToken: Cancelled);
        await using EtcdObjectStore store = SharedEtcd.Open(etcd.Servers, "/x", patience: TimeSpan.FromSeconds(60));
        long first = (await store.CreateAsync(Key("a"), "one"u8.ToArray(), Cancelled)).Object!.Revision;
        await etcd.KillMemberAsync(0);
        (await CommandResult.RunAsync("cp", ["-a", etcd.DataOf(0), copies["older"]], Cancelled)).Succeeded();
        await etcd.StartMemberAsync(0, Cancelled);
        await store.ListAsync(new ListRequest { Prefix = Prefix }, Cancelled);
        await store.UpdateAsync(Key("a"), first, "two"u8.ToArray(), Cancelled);
        await store.CreateAsync(Key("b"), new byte[1], Cancelled);
        Assert.HasCount(2, (await store.ListAsync(new ListRequest { Prefix = Prefix }, Cancelled)).Objects);

        await etcd.KillMemberAsync(0);
        Directory.Delete(etcd.DataOf(0), recursive: true);
        Directory.Move(copies["older"], etcd.DataOf(0));
        await etcd.StartMemberAsync(0, Cancelled);

        Assert.AreEqual("one", Encoding.UTF8.GetString((await store.GetAsync(Key("a"), Cancelled))!.Value.Span));
        Assert.IsNull(await store.GetAsync(Key("b"), Cancelled));
        StoredObject only = (await store.ListAsync(new ListRequest { Prefix = Prefix }, Cancelled)).Objects.Single();
        Assert.AreEqual(first, only.Revision);

        // Another replica writes until etcd is beyond where it had been: what it wrote on the way there is not missed.
        await using EtcdObjectStore other = SharedEtcd.Open(etcd.Servers, "/x", patience: TimeSpan.FromSeconds(60));
        long third = (await other.UpdateAsync(Key("a"), first, "three"u8.ToArray(), Cancelled)).Object!.Revision;
        for (int i = 0; i < 5; i++)
        {
            await other.CreateAsync(Key($"c{i}"), "x"u8.ToArray(), Cancelled);
            StoredList list = await store.ListAsync(new ListRequest { Prefix = Prefix }, Cancelled);
            CollectionAssert.AreEqual(new[] { "a" }.Concat(Enumerable.Range(0, i + 1).Select(c => $"c{c}")).ToArray(), list.Objects.Select(o => o.Key.Name).ToArray());
            Assert.AreEqual((third, "three"), (list.Objects[0].Revision, Encoding.UTF8.GetString(list.Objects[0].Value.Span)));
        }
    }

    [TestMethod]
    [Timeout(240_000, CooperativeCancellation = true)]
    public async Task Kill_OfTheLeader_LosesNothing()
    {
        const int replicas = 3, kills = 2, writersEach = 2;
        await using RunningEtcd etcd = await RunningEtcd.StartAsync(members: 3, cancellationToken: Cancelled);
        EtcdObjectStore[] stores = [.. Enumerable.Range(0, replicas).Select(_ => SharedEtcd.Open(etcd.Servers, "/x", patience: TimeSpan.FromSeconds(60)))];
        long start = await stores[0].GetRevisionAsync(Cancelled);
        using var stopWatching = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        var seen = stores.Select(_ => new ConcurrentQueue<StoreEvent>()).ToArray();
        Task[] watchers = [.. stores.Select((store, i) => FollowAsync(store, start, seen[i], stopWatching.Token))];
        var acknowledged = new ConcurrentDictionary<string, int>();
        using var stopWriting = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        Task[] writers = [.. stores.SelectMany((store, i) => Enumerable.Range(0, writersEach).Select(w => WriteAsync(store, $"w{i}-{w}", acknowledged, stopWriting.Token)))];

        for (int kill = 0; kill < kills; kill++)
        {
            await ProgressAsync(acknowledged);
            int leader = await etcd.LeaderAsync(Cancelled);
            await etcd.KillMemberAsync(leader);
            await ProgressAsync(acknowledged);
            await etcd.StartMemberAsync(leader, Cancelled);
        }

        await stopWriting.CancelAsync();
        await Task.WhenAll(writers);
        StoredList final = await stores[1].ListAsync(new ListRequest { Prefix = Prefix }, Cancelled);
        foreach (ConcurrentQueue<StoreEvent> events in seen)
        {
            await Eventually.GetAsync(
                () => Task.FromResult(events.LastOrDefault()?.Object.Revision ?? 0), last => last >= final.Objects.Max(o => o.Revision), "the watcher is at the end", Cancelled);
        }

        await stopWatching.CancelAsync();
        await Task.WhenAll(watchers);
        foreach ((string key, int counter) in acknowledged)
        {
            StoredObject stored = final.Objects.Single(o => o.Key.Name == key);
            Assert.IsTrue(Counter(stored) is var present && (present == counter || present == counter + 1), $"{key}: {counter} was acknowledged, {Counter(stored)} is stored");
        }

        foreach (ConcurrentQueue<StoreEvent> events in seen)
        {
            long[] revisions = [.. events.Select(e => e.Object.Revision)];
            CollectionAssert.AreEqual(revisions.Distinct().Order().ToArray(), revisions);
            foreach (IGrouping<string, StoreEvent> key in events.GroupBy(e => e.Object.Key.Name))
            {
                CollectionAssert.AreEqual(Enumerable.Range(1, key.Count()).ToArray(), key.Select(e => Counter(e.Object)).ToArray(), key.Key);
                Assert.AreEqual(Counter(final.Objects.Single(o => o.Key.Name == key.Key)), key.Count());
            }
        }

        foreach (EtcdObjectStore store in stores)
        {
            await store.DisposeAsync();
        }
    }

    private async Task ProgressAsync(ConcurrentDictionary<string, int> acknowledged)
    {
        int before = acknowledged.Values.Sum();
        await Eventually.GetAsync(() => Task.FromResult(acknowledged.Values.Sum()), now => now > before + 60, "writes go on", Cancelled, seconds: 90);
    }

    // Counts a key up. Of a write whose outcome is not known, a read tells.
    private static async Task WriteAsync(EtcdObjectStore store, string name, ConcurrentDictionary<string, int> acknowledged, CancellationToken stop)
    {
        StoredObject? current = null;
        while (!stop.IsCancellationRequested)
        {
            int counter = current is null ? 1 : Counter(current) + 1;
            byte[] value = Encoding.ASCII.GetBytes(counter.ToString(CultureInfo.InvariantCulture));
            try
            {
                WriteResult result = current is null
                    ? await store.CreateAsync(Key(name), value, CancellationToken.None)
                    : await store.UpdateAsync(Key(name), current.Revision, value, CancellationToken.None);
                Assert.AreEqual(WriteOutcome.Committed, result.Outcome, "nobody else writes this key");
                current = result.Object;
                acknowledged[name] = counter;
            }
            catch (StoreUnavailableException)
            {
                current = await store.GetAsync(Key(name), CancellationToken.None);
            }
        }
    }

    private static async Task FollowAsync(EtcdObjectStore store, long after, ConcurrentQueue<StoreEvent> seen, CancellationToken stop)
    {
        try
        {
            await foreach (StoreEvent change in store.WatchAsync(Prefix, after, stop))
            {
                seen.Enqueue(change);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Seen enough.
        }
    }

    private async Task<List<StoreEvent>> TakeAsync(EtcdObjectStore store, long after, int count)
    {
        var events = new List<StoreEvent>();
        await foreach (StoreEvent change in store.WatchAsync(Prefix, after, Cancelled))
        {
            events.Add(change);
            if (events.Count == count)
            {
                break;
            }
        }

        return events;
    }

    private static ObjectKey Key(string name) => new("test", "counters", "", name);

    private static int Counter(StoredObject stored) => int.Parse(Encoding.ASCII.GetString(stored.Value.Span), CultureInfo.InvariantCulture);
}
