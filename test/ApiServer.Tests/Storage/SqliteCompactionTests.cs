using AiModels.ApiMachinery.Storage;
using AiModels.ApiMachinery.Storage.Sqlite;
using AiModels.TestKit;
using Microsoft.Extensions.DependencyInjection;

namespace AiModels.ApiServer.Tests.Storage;

[TestClass]
public sealed class SqliteCompactionTests
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("sqlite-compaction-");

    public TestContext TestContext { get; set; } = null!;

    [TestCleanup]
    public void DeleteFolder() => _folder.Delete(recursive: true);

    [TestMethod]
    [Timeout(20_000, CooperativeCancellation = true)]
    public async Task Timer_KeepsHistoryOfItsAge_AndForgetsWhatIsOlder()
    {
        var clock = new ManualClock();
        await using SqliteObjectStore store = Open(new SqliteStoreOptions { HistoryAge = TimeSpan.FromMinutes(5), CompactionInterval = TimeSpan.FromMinutes(1) }, clock);
        long old = await WriteAsync(store, "old");
        clock.Advance(TimeSpan.FromMinutes(1));
        long young = await WriteAsync(store, "young");
        clock.Advance(TimeSpan.FromMinutes(4));
        Assert.HasCount(1, (await ListAtAsync(store, old)).Objects);

        await UntilCompactedAsync(store, old, clock);
        Assert.HasCount(2, (await ListAtAsync(store, young)).Objects);
    }

    [TestMethod]
    [Timeout(20_000, CooperativeCancellation = true)]
    public async Task Timer_BoundsTheNumberOfRevisions()
    {
        var clock = new ManualClock();
        await using SqliteObjectStore store = Open(new SqliteStoreOptions { HistoryRevisions = 10 }, clock);
        long first = await WriteAsync(store, "first");
        for (int i = 0; i < 30; i++)
        {
            await WriteAsync(store, $"m{i}");
        }

        await UntilCompactedAsync(store, first, clock);
        Assert.HasCount(31, (await ListAtAsync(store, 0)).Objects);
    }

    [TestMethod]
    public async Task Full_RefusesTheWrite_AcknowledgesNothing_AndGoesOnWhenThereIsRoom()
    {
        long before;
        await using (SqliteObjectStore full = Open(new SqliteStoreOptions { MaximumBytes = 1 << 20 }, TimeProvider.System))
        {
            before = await WriteAsync(full, "before");

            var refusal = await Assert.ThrowsExactlyAsync<StoreUnavailableException>(async () => await WriteAsync(full, "refused", 2 << 20));

            StringAssert.Contains(refusal.Message, "full");
            Assert.AreEqual(before, await full.GetRevisionAsync(TestContext.CancellationToken));
            Assert.AreEqual(before + 1, await WriteAsync(full, "small"));
        }

        await using SqliteObjectStore store = Open(new SqliteStoreOptions(), TimeProvider.System);
        Assert.AreEqual(before + 2, await WriteAsync(store, "after"));
        CollectionAssert.AreEqual(new[] { "after", "before", "small" }, (await ListAtAsync(store, 0)).Objects.Select(o => o.Key.Name).ToArray());
    }

    [TestMethod]
    public async Task AddSqliteObjectStore_RegistersTheStore()
    {
        await using ServiceProvider services = new ServiceCollection()
            .AddSqliteObjectStore(new SqliteStoreOptions { Path = Path.Combine(_folder.FullName, "deep", "objects.db") }).BuildServiceProvider();

        Assert.IsGreaterThanOrEqualTo(1L, await services.GetRequiredService<IObjectStore>().GetRevisionAsync(TestContext.CancellationToken));
    }

    private SqliteObjectStore Open(SqliteStoreOptions options, TimeProvider time)
    {
        options.Path = Path.Combine(_folder.FullName, "objects.db");
        return new SqliteObjectStore(options, time);
    }

    private async Task<long> WriteAsync(SqliteObjectStore store, string name, int size = 10) =>
        (await store.CreateAsync(new ObjectKey("test", "things", "", name), new byte[size], TestContext.CancellationToken)).Object!.Revision;

    private ValueTask<StoredList> ListAtAsync(SqliteObjectStore store, long revision) =>
        store.ListAsync(new ListRequest { Prefix = "/test/things/", Revision = revision }, TestContext.CancellationToken);

    // Ticks until it has happened: compaction runs on the store's own thread after the tick.
    private async Task UntilCompactedAsync(SqliteObjectStore store, long revision, ManualClock clock)
    {
        while (true)
        {
            TestContext.CancellationToken.ThrowIfCancellationRequested();
            clock.Advance(TimeSpan.FromMinutes(1));
            try
            {
                await ListAtAsync(store, revision);
                await Task.Yield();
            }
            catch (RevisionCompactedException)
            {
                return;
            }
        }
    }
}
