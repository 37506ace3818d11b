using AiModels.ApiMachinery.Storage;
using AiModels.LiteDbStore;

namespace AiModels.ApiServer.Tests.Storage;

[TestClass]
public sealed class LiteDbObjectStoreTests : ObjectStoreContract
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("litedb-store-");

    protected override ValueTask<IObjectStore> OpenAsync() => new(Open());

    protected override ValueTask<IObjectStore> OpenAgainAsync() => new(Open());

    [TestCleanup]
    public void DeleteFolder() => _folder.Delete(recursive: true);

    [TestMethod]
    public void Open_OfADatabaseInUse_IsRefused() =>
        StringAssert.Contains(Assert.ThrowsExactly<StoreUnavailableException>(() => Open()).Message, "another process");

    [TestMethod]
    public async Task Watch_BehindTheHubsMemory_IsServedFromTheLog()
    {
        await Store.DisposeAsync();
        await using LiteDbObjectStore small = Open(watchEvents: 4);
        await using IAsyncEnumerator<StoreEvent> watch = small.WatchAsync("/ai.deckhouse.io/models/", 1, Cancelled).GetAsyncEnumerator(Cancelled);
        for (int i = 0; i < 400; i++)
        {
            await small.CreateAsync(Key($"m{i}"), Bytes("x"), Cancelled);
        }

        for (int i = 0; i < 400; i++)
        {
            Assert.IsTrue(await watch.MoveNextAsync());
            Assert.AreEqual($"m{i}", watch.Current.Object.Key.Name);
        }
    }

    private LiteDbObjectStore Open(int watchEvents = 8192) => new(
        new LiteDbStoreOptions { Path = Path.Combine(_folder.FullName, "objects.litedb"), WatchEvents = watchEvents }, TimeProvider.System);
}
