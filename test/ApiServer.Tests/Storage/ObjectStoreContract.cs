using System.Text;
using AiModels.ApiMachinery.Storage;

namespace AiModels.ApiServer.Tests.Storage;

/// <summary>What every engine behind <see cref="IObjectStore"/> promises. Inherited by one class per engine.</summary>
public abstract class ObjectStoreContract
{
    private static readonly string Prefix = ObjectKey.PrefixOf("ai.deckhouse.io", "models");

    public TestContext TestContext { get; set; } = null!;

    protected IObjectStore Store { get; private set; } = null!;

    protected CancellationToken Cancelled => TestContext.CancellationToken;

    /// <summary>Opens an empty store. The contract disposes of it.</summary>
    protected abstract ValueTask<IObjectStore> OpenAsync();

    [TestInitialize]
    public async Task OpenStoreAsync() => Store = await OpenAsync();

    [TestCleanup]
    public async Task CloseStoreAsync() => await Store.DisposeAsync();

    protected static ObjectKey Key(string name, string @namespace = "team-a") => new("ai.deckhouse.io", "models", @namespace, name);

    protected static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    protected static string Text(ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.Span);

    protected async Task<long> CreateAsync(ObjectKey key, string value)
    {
        WriteResult result = await Store.CreateAsync(key, Bytes(value), Cancelled);
        Assert.AreEqual(WriteOutcome.Committed, result.Outcome);
        return result.Object!.Revision;
    }

    protected async Task<long> UpdateAsync(ObjectKey key, long expected, string value)
    {
        WriteResult result = await Store.UpdateAsync(key, expected, Bytes(value), Cancelled);
        Assert.AreEqual(WriteOutcome.Committed, result.Outcome);
        return result.Object!.Revision;
    }

    [TestMethod]
    public async Task Revision_OfAnEmptyStore_IsAtLeastOne() => Assert.IsGreaterThanOrEqualTo(1L, await Store.GetRevisionAsync(Cancelled));

    [TestMethod]
    public async Task Get_OfAnUnknownKey_IsNull() => Assert.IsNull(await Store.GetAsync(Key("none"), Cancelled));

    [TestMethod]
    public async Task Create_ThenGet_GivesTheBytesAndTheRevision()
    {
        long revision = await CreateAsync(Key("a"), "one");

        StoredObject? read = await Store.GetAsync(Key("a"), Cancelled);

        Assert.IsNotNull(read);
        Assert.AreEqual("one", Text(read.Value));
        Assert.AreEqual(revision, read.Revision);
        Assert.AreEqual(Key("a"), read.Key);
        Assert.AreEqual(revision, await Store.GetRevisionAsync(Cancelled));
    }

    [TestMethod]
    public async Task Create_OfATakenKey_AnswersExistsWithTheCurrentObject()
    {
        long revision = await CreateAsync(Key("a"), "one");

        WriteResult again = await Store.CreateAsync(Key("a"), Bytes("two"), Cancelled);

        Assert.AreEqual(WriteOutcome.Exists, again.Outcome);
        Assert.AreEqual(revision, again.Object!.Revision);
        Assert.AreEqual("one", Text(again.Object.Value));
        Assert.AreEqual(revision, await Store.GetRevisionAsync(Cancelled), "a refused write makes no revision");
    }

    [TestMethod]
    public async Task Update_AtTheExpectedRevision_RaisesTheRevision()
    {
        long first = await CreateAsync(Key("a"), "one");

        long second = await UpdateAsync(Key("a"), first, "two");

        Assert.IsGreaterThan(first, second);
        Assert.AreEqual("two", Text((await Store.GetAsync(Key("a"), Cancelled))!.Value));
    }

    [TestMethod]
    public async Task Update_AtAnOldRevision_AnswersConflictWithTheCurrentObject()
    {
        long first = await CreateAsync(Key("a"), "one");
        long second = await UpdateAsync(Key("a"), first, "two");

        WriteResult late = await Store.UpdateAsync(Key("a"), first, Bytes("three"), Cancelled);

        Assert.AreEqual(WriteOutcome.Conflict, late.Outcome);
        Assert.AreEqual(second, late.Object!.Revision);
        Assert.AreEqual("two", Text(late.Object.Value));
    }

    [TestMethod]
    public async Task UpdateAndDelete_OfAnUnknownKey_AnswerNotFound()
    {
        WriteResult update = await Store.UpdateAsync(Key("none"), 1, Bytes("x"), Cancelled);
        WriteResult delete = await Store.DeleteAsync(Key("none"), 1, Cancelled);

        Assert.AreEqual(new WriteResult(WriteOutcome.NotFound, null), update);
        Assert.AreEqual(new WriteResult(WriteOutcome.NotFound, null), delete);
    }

    [TestMethod]
    public async Task Delete_AtAnOldRevision_AnswersConflict()
    {
        long first = await CreateAsync(Key("a"), "one");
        await UpdateAsync(Key("a"), first, "two");

        Assert.AreEqual(WriteOutcome.Conflict, (await Store.DeleteAsync(Key("a"), first, Cancelled)).Outcome);
        Assert.IsNotNull(await Store.GetAsync(Key("a"), Cancelled));
    }

    [TestMethod]
    public async Task Delete_AnswersTheLastValueUnderItsOwnRevision_AndTheKeyIsFreeAgain()
    {
        long first = await CreateAsync(Key("a"), "one");

        WriteResult deleted = await Store.DeleteAsync(Key("a"), first, Cancelled);

        Assert.AreEqual(WriteOutcome.Committed, deleted.Outcome);
        Assert.IsGreaterThan(first, deleted.Object!.Revision);
        Assert.AreEqual("one", Text(deleted.Object.Value));
        Assert.IsNull(await Store.GetAsync(Key("a"), Cancelled));
        Assert.IsGreaterThan(deleted.Object.Revision, await CreateAsync(Key("a"), "again"));
    }

    [TestMethod]
    [DataRow(0)]
    [DataRow(1)]
    [DataRow(3_000_000)]
    public async Task Values_OfAnySize_ComeBackAsTheyWere(int size)
    {
        byte[] value = new byte[size];
        new Random(size).NextBytes(value);

        await Store.CreateAsync(Key("big"), value, Cancelled);

        CollectionAssert.AreEqual(value, (await Store.GetAsync(Key("big"), Cancelled))!.Value.ToArray());
    }

    [TestMethod]
    public async Task List_GivesOnlyThePrefix_InBytewiseOrder()
    {
        foreach (string name in new[] { "b", "a-b", "a", "a.b", "z", "a0" })
        {
            await CreateAsync(Key(name), name);
        }

        await CreateAsync(Key("x", "team-ab"), "other namespace");
        await CreateAsync(new ObjectKey("ai.deckhouse.io", "modelsx", "team-a", "y"), "other resource");
        await CreateAsync(new ObjectKey("", "namespaces", "", "team-a"), "core");

        StoredList one = await Store.ListAsync(new ListRequest { Prefix = ObjectKey.PrefixOf("ai.deckhouse.io", "models", "team-a") }, Cancelled);
        StoredList all = await Store.ListAsync(new ListRequest { Prefix = Prefix }, Cancelled);
        StoredList core = await Store.ListAsync(new ListRequest { Prefix = ObjectKey.PrefixOf("", "namespaces") }, Cancelled);

        CollectionAssert.AreEqual(new[] { "a", "a-b", "a.b", "a0", "b", "z" }, one.Objects.Select(o => o.Key.Name).ToArray());
        Assert.HasCount(7, all.Objects);
        Assert.AreEqual(new ObjectKey("", "namespaces", "", "team-a"), core.Objects.Single().Key);
        Assert.AreEqual(await Store.GetRevisionAsync(Cancelled), all.Revision);
    }

    [TestMethod]
    public async Task List_InPages_StaysAtTheFirstPagesRevision()
    {
        for (int i = 0; i < 10; i++)
        {
            await CreateAsync(Key($"m{i}"), "old");
        }

        StoredList page = await Store.ListAsync(new ListRequest { Prefix = Prefix, Limit = 4 }, Cancelled);
        Assert.AreEqual(6, page.Remaining);
        var names = page.Objects.Select(o => o.Key.Name).ToList();

        StoredObject later = (await Store.GetAsync(Key("m5"), Cancelled))!;
        await UpdateAsync(Key("m5"), later.Revision, "new");
        await Store.DeleteAsync(Key("m6"), (await Store.GetAsync(Key("m6"), Cancelled))!.Revision, Cancelled);
        await CreateAsync(Key("m55"), "new");

        while (page.Remaining > 0)
        {
            page = await Store.ListAsync(
                new ListRequest { Prefix = Prefix, Limit = 4, Revision = page.Revision, After = page.Objects[^1].Key.ToString() }, Cancelled);
            names.AddRange(page.Objects.Select(o => o.Key.Name));
            Assert.IsTrue(page.Objects.All(o => Text(o.Value) == "old"));
        }

        CollectionAssert.AreEqual(Enumerable.Range(0, 10).Select(i => $"m{i}").ToArray(), names);
    }

    [TestMethod]
    [DataRow(3, true)]
    [DataRow(4, false)]
    [DataRow(5, false)]
    public async Task List_WithoutCounting_StillTellsWhetherThereIsMore(int limit, bool hasMore)
    {
        for (int i = 0; i < 4; i++)
        {
            await CreateAsync(Key($"m{i}"), "x");
        }

        var request = new ListRequest { Prefix = Prefix, Limit = limit, CountsRemaining = false };
        StoredList current = await Store.ListAsync(request, Cancelled);
        await CreateAsync(Key("m9"), "later");
        StoredList past = await Store.ListAsync(request with { Revision = current.Revision }, Cancelled);

        Assert.AreEqual(hasMore, current.Remaining > 0);
        Assert.AreEqual(hasMore, past.Remaining > 0, "as of an older revision, too");
    }

    [TestMethod]
    public async Task List_AtAnOlderRevision_ShowsTheWorldOfThen()
    {
        long created = await CreateAsync(Key("a"), "one");
        long updated = await UpdateAsync(Key("a"), created, "two");
        await CreateAsync(Key("b"), "b");
        await Store.DeleteAsync(Key("a"), updated, Cancelled);

        async Task<string> AtAsync(long revision) => string.Join(
            ",", (await Store.ListAsync(new ListRequest { Prefix = Prefix, Revision = revision }, Cancelled)).Objects.Select(o => $"{o.Key.Name}={Text(o.Value)}@{o.Revision}"));

        Assert.AreEqual($"a=one@{created}", await AtAsync(created));
        Assert.AreEqual($"a=two@{updated}", await AtAsync(updated));
        Assert.AreEqual($"b=b@{updated + 1}", await AtAsync(0));
    }

    // What an engine remembers of the first list must not show in the next ones; few changes and many are read in different ways.
    [TestMethod]
    [DataRow(0)]
    [DataRow(3)]
    [DataRow(50)]
    public async Task List_Again_AfterChanges_ShowsEachWorldAsItIs(int changes)
    {
        var revisions = new Dictionary<string, long>();
        for (int i = 0; i < 60; i++)
        {
            revisions[$"m{i:00}"] = await CreateAsync(Key($"m{i:00}"), $"old {i}");
        }

        StoredList before = await Store.ListAsync(new ListRequest { Prefix = Prefix }, Cancelled);
        for (int i = 0; i < changes; i++)
        {
            await UpdateAsync(Key($"m{i:00}"), revisions[$"m{i:00}"], $"new {i}");
        }

        await Store.DeleteAsync(Key("m59"), revisions["m59"], Cancelled);
        await CreateAsync(Key("m60"), "new 60");
        StoredList after = await Store.ListAsync(new ListRequest { Prefix = Prefix }, Cancelled);
        StoredList then = await Store.ListAsync(new ListRequest { Prefix = Prefix, Revision = before.Revision }, Cancelled);
        StoredList page = await Store.ListAsync(new ListRequest { Prefix = Prefix, After = Key("m01").ToString(), Limit = 2 }, Cancelled);

        string[] expected = [.. Enumerable.Range(0, 59).Select(i => i < changes ? $"new {i}" : $"old {i}"), "new 60"];
        CollectionAssert.AreEqual(expected, after.Objects.Select(o => Text(o.Value)).ToArray());
        CollectionAssert.AreEqual(before.Objects.Select(o => (o.Key, o.Revision)).ToArray(), then.Objects.Select(o => (o.Key, o.Revision)).ToArray());
        CollectionAssert.AreEqual(Enumerable.Range(0, 60).Select(i => $"old {i}").ToArray(), then.Objects.Select(o => Text(o.Value)).ToArray());
        CollectionAssert.AreEqual(expected[2..4], page.Objects.Select(o => Text(o.Value)).ToArray());
        Assert.AreEqual(56, page.Remaining);
    }

    [TestMethod]
    public async Task List_AtAFutureRevision_IsRefused()
    {
        long newest = await Store.GetRevisionAsync(Cancelled);

        var refusal = await Assert.ThrowsExactlyAsync<RevisionInFutureException>(
            async () => await Store.ListAsync(new ListRequest { Prefix = Prefix, Revision = newest + 1 }, Cancelled));

        Assert.AreEqual(newest, refusal.Current);
    }

    [TestMethod]
    public async Task Compact_ForgetsHistory_AndKeepsWhatIsCurrent()
    {
        long revision = await CreateAsync(Key("kept"), "0");
        long created = revision;
        for (int i = 1; i <= 20; i++)
        {
            revision = await UpdateAsync(Key("kept"), revision, $"{i}");
        }

        long gone = await CreateAsync(Key("gone"), "x");
        await Store.DeleteAsync(Key("gone"), gone, Cancelled);
        await CreateAsync(Key("last"), "y");

        await Store.CompactAsync(revision, Cancelled);

        StoredList then = await Store.ListAsync(new ListRequest { Prefix = Prefix, Revision = revision }, Cancelled);
        Assert.AreEqual("20", Text(then.Objects.Single().Value));
        StoredList now = await Store.ListAsync(new ListRequest { Prefix = Prefix }, Cancelled);
        CollectionAssert.AreEqual(new[] { "kept", "last" }, now.Objects.Select(o => o.Key.Name).ToArray());
        var refusal = await Assert.ThrowsExactlyAsync<RevisionCompactedException>(
            async () => await Store.ListAsync(new ListRequest { Prefix = Prefix, Revision = created }, Cancelled));
        Assert.AreEqual(created, refusal.Requested);
        await Store.CompactAsync(created, Cancelled);
        await Store.CompactAsync(long.MaxValue, Cancelled);
        Assert.AreEqual("20", Text((await Store.GetAsync(Key("kept"), Cancelled))!.Value));
        Assert.HasCount(2, (await Store.ListAsync(new ListRequest { Prefix = Prefix }, Cancelled)).Objects);
    }

    [TestMethod]
    public async Task Watch_FromThePast_GivesEveryChangeWithPreviousValues()
    {
        long start = await Store.GetRevisionAsync(Cancelled);
        long created = await CreateAsync(Key("a"), "one");
        await CreateAsync(new ObjectKey("other", "things", "", "t"), "not watched");
        long updated = await UpdateAsync(Key("a"), created, "two");
        long deleted = (await Store.DeleteAsync(Key("a"), updated, Cancelled)).Object!.Revision;

        List<StoreEvent> events = await TakeAsync(Prefix, start, 3);

        Assert.AreEqual((StoreEventType.Created, created, "one"), Shape(events[0]));
        Assert.IsNull(events[0].PreviousValue);
        Assert.AreEqual((StoreEventType.Updated, updated, "two"), Shape(events[1]));
        Assert.AreEqual("one", Text(events[1].PreviousValue!.Value));
        Assert.AreEqual((StoreEventType.Deleted, deleted, "two"), Shape(events[2]));
        Assert.IsNull(events[2].PreviousValue);
    }

    [TestMethod]
    public async Task Watch_AfterAnEvent_DoesNotRepeatIt()
    {
        long first = await CreateAsync(Key("a"), "one");
        long second = await CreateAsync(Key("b"), "two");

        List<StoreEvent> events = await TakeAsync(Prefix, first, 1);

        Assert.AreEqual(second, events.Single().Object.Revision);
    }

    [TestMethod]
    public async Task Watch_OfWhatIsToCome_Delivers()
    {
        long start = await Store.GetRevisionAsync(Cancelled);
        Task<List<StoreEvent>> watch = TakeAsync(Prefix, start, 2);

        await CreateAsync(Key("a"), "one");
        await CreateAsync(Key("b"), "two");

        CollectionAssert.AreEqual(new[] { "a", "b" }, (await watch).Select(e => e.Object.Key.Name).ToArray());
    }

    [TestMethod]
    public async Task Watch_FromAFutureRevision_WaitsForIt()
    {
        long start = await Store.GetRevisionAsync(Cancelled);
        Task<List<StoreEvent>> watch = TakeAsync(Prefix, start + 2, 1);

        await CreateAsync(Key("a"), "1");
        await CreateAsync(Key("b"), "2");
        await CreateAsync(Key("c"), "3");

        Assert.AreEqual("c", (await watch).Single().Object.Key.Name);
    }

    [TestMethod]
    public async Task Watch_BeforeTheCompactedRevision_IsRefused_AndAfterItWorks()
    {
        long first = await CreateAsync(Key("a"), "one");
        long second = await UpdateAsync(Key("a"), first, "two");
        long third = await UpdateAsync(Key("a"), second, "three");
        await Store.CompactAsync(second, Cancelled);
        IObjectStore reopened = await ReopenAsync();

        await Assert.ThrowsExactlyAsync<RevisionCompactedException>(async () => await TakeAsync(Prefix, first - 1, 1));
        StoreEvent only = (await TakeAsync(Prefix, second, 1)).Single();

        Assert.AreEqual(third, only.Object.Revision);
        Assert.AreEqual("two", Text(only.PreviousValue!.Value));
        Assert.AreSame(Store, reopened);
    }

    [TestMethod]
    public async Task Watch_Cancelled_Ends()
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        await using IAsyncEnumerator<StoreEvent> watch = Store.WatchAsync(Prefix, await Store.GetRevisionAsync(Cancelled), stop.Token).GetAsyncEnumerator(stop.Token);
        Task<bool> next = watch.MoveNextAsync().AsTask();

        await stop.CancelAsync();

        await Assert.ThrowsAsync<OperationCanceledException>(() => next);
    }

    [TestMethod]
    public async Task Watch_UnderConcurrentWriters_GivesEachChangeOnceAndInOrder()
    {
        const int writers = 8, keysEach = 40;
        long start = await Store.GetRevisionAsync(Cancelled);
        Task<List<StoreEvent>>[] early = [.. Enumerable.Range(0, 4).Select(_ => TakeAsync(Prefix, start, writers * keysEach * 3))];

        await Task.WhenAll(Enumerable.Range(0, writers).Select(writer => Task.Run(async () =>
        {
            for (int i = 0; i < keysEach; i++)
            {
                ObjectKey key = Key($"w{writer}-{i}");
                long revision = await UpdateAsync(key, await CreateAsync(key, "1"), "2");
                await Store.DeleteAsync(key, revision, Cancelled);
            }
        })));
        List<StoreEvent> late = await TakeAsync(Prefix, start, writers * keysEach * 3);

        foreach (List<StoreEvent> seen in await Task.WhenAll(early))
        {
            CollectionAssert.AreEqual(late.Select(Shape).ToArray(), seen.Select(Shape).ToArray());
        }

        long[] revisions = [.. late.Select(e => e.Object.Revision)];
        CollectionAssert.AreEqual(revisions.Distinct().Order().ToArray(), revisions);
        foreach (IGrouping<ObjectKey, StoreEvent> key in late.GroupBy(e => e.Object.Key))
        {
            CollectionAssert.AreEqual(
                new[] { StoreEventType.Created, StoreEventType.Updated, StoreEventType.Deleted }, key.Select(e => e.Type).ToArray());
        }
    }

    [TestMethod]
    public async Task Update_ByManyWritersOfOneKey_LosesNone()
    {
        const int writers = 8, each = 25;
        await CreateAsync(Key("counter"), "0");

        await Task.WhenAll(Enumerable.Range(0, writers).Select(_ => Task.Run(async () =>
        {
            for (int done = 0; done < each;)
            {
                StoredObject current = (await Store.GetAsync(Key("counter"), Cancelled))!;
                byte[] next = Bytes($"{int.Parse(Text(current.Value)) + 1}");
                WriteResult result = await Store.UpdateAsync(Key("counter"), current.Revision, next, Cancelled);
                done += result.Outcome == WriteOutcome.Committed ? 1 : 0;
            }
        })));

        Assert.AreEqual($"{writers * each}", Text((await Store.GetAsync(Key("counter"), Cancelled))!.Value));
    }

    [TestMethod]
    public async Task Create_ByManyWritersOfOneKey_HasOneWinner()
    {
        WriteResult[] results = await Task.WhenAll(Enumerable.Range(0, 16).Select(
            i => Task.Run(async () => await Store.CreateAsync(Key("one"), Bytes($"{i}"), Cancelled))));

        WriteResult winner = results.Single(r => r.Outcome == WriteOutcome.Committed);
        Assert.IsTrue(results.Where(r => r.Outcome != WriteOutcome.Committed)
            .All(r => r.Outcome == WriteOutcome.Exists && r.Object!.Revision == winner.Object!.Revision));
    }

    [TestMethod]
    public async Task Reopened_TheStoreHasEverythingAndGoesOnCounting()
    {
        long first = await CreateAsync(Key("a"), "one");
        long second = await UpdateAsync(Key("a"), first, "two");
        await Store.DeleteAsync(Key("a"), second, Cancelled);
        long last = await Store.GetRevisionAsync(Cancelled);

        await ReopenAsync();

        Assert.AreEqual(last, await Store.GetRevisionAsync(Cancelled));
        Assert.AreEqual(last + 1, await CreateAsync(Key("b"), "next"));
        Assert.HasCount(4, await TakeAsync(Prefix, first - 1, 4));
    }

    /// <summary>Opens the store that was just closed. The contract calls it through <see cref="ReopenAsync"/>.</summary>
    protected abstract ValueTask<IObjectStore> OpenAgainAsync();

    private async Task<IObjectStore> ReopenAsync()
    {
        await Store.DisposeAsync();
        return Store = await OpenAgainAsync();
    }

    protected async Task<List<StoreEvent>> TakeAsync(string prefix, long after, int count)
    {
        var events = new List<StoreEvent>();
        await foreach (StoreEvent e in Store.WatchAsync(prefix, after, Cancelled))
        {
            events.Add(e);
            if (events.Count == count)
            {
                break;
            }
        }

        return events;
    }

    private static (StoreEventType, long, string) Shape(StoreEvent e) => (e.Type, e.Object.Revision, Text(e.Object.Value));
}
