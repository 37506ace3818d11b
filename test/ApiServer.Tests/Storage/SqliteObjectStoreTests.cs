using AiModels.ApiMachinery.Storage;
using AiModels.ApiMachinery.Storage.Sqlite;

namespace AiModels.ApiServer.Tests.Storage;

[TestClass]
public sealed class SqliteObjectStoreTests : ObjectStoreContract
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("sqlite-store-");

    protected override ValueTask<IObjectStore> OpenAsync() => new(Open());

    protected override ValueTask<IObjectStore> OpenAgainAsync() => new(Open());

    [TestCleanup]
    public void DeleteFolder() => _folder.Delete(recursive: true);

    [TestMethod]
    public void Open_OfADatabaseInUse_IsRefused()
    {
        var refusal = Assert.ThrowsExactly<StoreUnavailableException>(() => Open());

        StringAssert.Contains(refusal.Message, "another process");
    }

    [TestMethod]
    public async Task Open_OfANewDatabase_LetsNobodyElseReadItsFiles()
    {
        await Store.CreateAsync(Key("m"), Bytes("x"), Cancelled);

        FileInfo[] files = _folder.GetFiles();
        Assert.IsGreaterThanOrEqualTo(3, files.Length, "the database, its log and its lock");
        foreach (FileInfo file in files)
        {
            Assert.AreEqual(UnixFileMode.UserRead | UnixFileMode.UserWrite, file.UnixFileMode, file.Name);
        }
    }

    [TestMethod]
    public async Task Watch_BehindTheHubsMemory_IsServedFromTheLog()
    {
        await Store.DisposeAsync();
        await using SqliteObjectStore small = Open(watchEvents: 4);
        long start = await small.GetRevisionAsync(Cancelled);
        await using IAsyncEnumerator<StoreEvent> watch = small.WatchAsync("/ai.deckhouse.io/models/", start, Cancelled).GetAsyncEnumerator(Cancelled);
        for (int i = 0; i < 400; i++)
        {
            await small.CreateAsync(Key($"m{i}"), Bytes("x"), Cancelled);
            if (i == 0)
            {
                Assert.IsTrue(await watch.MoveNextAsync());
            }
        }

        for (int i = 1; i < 400; i++)
        {
            Assert.IsTrue(await watch.MoveNextAsync());
            Assert.AreEqual($"m{i}", watch.Current.Object.Key.Name);
        }
    }

    [TestMethod]
    public async Task Watch_TooSlowForTheHistory_EndsWithCompacted()
    {
        await Store.DisposeAsync();
        await using SqliteObjectStore small = Open(watchEvents: 4);
        await using IAsyncEnumerator<StoreEvent> watch = small.WatchAsync("/ai.deckhouse.io/models/", 1, Cancelled).GetAsyncEnumerator(Cancelled);
        await small.CreateAsync(Key("first"), Bytes("x"), Cancelled);
        Assert.IsTrue(await watch.MoveNextAsync());
        for (int i = 0; i < 20; i++)
        {
            await small.CreateAsync(Key($"m{i}"), Bytes("x"), Cancelled);
        }

        await small.CompactAsync(long.MaxValue, Cancelled);

        await Assert.ThrowsExactlyAsync<RevisionCompactedException>(async () => await watch.MoveNextAsync());
    }

    [TestMethod]
    public async Task Watch_OfAQuietPrefix_SurvivesALotOfOtherTraffic()
    {
        await Store.DisposeAsync();
        await using SqliteObjectStore small = Open(watchEvents: 4);
        await using IAsyncEnumerator<StoreEvent> watch = small.WatchAsync("/ai.deckhouse.io/models/", 1, Cancelled).GetAsyncEnumerator(Cancelled);
        Task<bool> next = watch.MoveNextAsync().AsTask();
        for (int i = 0; i < 50; i++)
        {
            await small.CreateAsync(new ObjectKey("", "leases", "n", $"l{i}"), Bytes("x"), Cancelled);
        }

        await small.CompactAsync(long.MaxValue, Cancelled);
        await small.CreateAsync(Key("late"), Bytes("x"), Cancelled);

        Assert.IsTrue(await next);
        Assert.AreEqual("late", watch.Current.Object.Key.Name);
    }

    private SqliteObjectStore Open(int watchEvents = 8192) => new(
        new SqliteStoreOptions { Path = Path.Combine(_folder.FullName, "objects.db"), WatchEvents = watchEvents }, TimeProvider.System);
}
