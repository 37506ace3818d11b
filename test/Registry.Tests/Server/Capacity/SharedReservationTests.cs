using AiModels.Registry.Capacity;
using AiModels.Registry.Storage.Backends.FileSystem;
using AiModels.Registry.Tests.Server.GarbageCollection;
using AiModels.TestKit;

namespace AiModels.Registry.Tests.Server.Capacity;

/// <summary>Two processes that promise room of one storage.</summary>
[TestClass]
public sealed class SharedReservationTests : IDisposable
{
    private const string Repo = "models/a";

    private readonly TemporaryFolder _folder = new();
    private readonly ManualClock _clock = new();
    private readonly FileSystemBackend _backend;
    private readonly CapacityLedger _ledger;
    private readonly CapacityLedger _otherLedger;
    private readonly ReservationBook _book;
    private readonly ReservationBook _otherBook;

    public SharedReservationTests()
    {
        _backend = new FileSystemBackend(new FileSystemOptions { Root = _folder.Combine("store") });
        var storage = new SharedStorage(_backend, _folder.Combine("store"));
        CapacityLimits limits = CapacityLimits.Of(new RegistryOptions());
        (_ledger, _otherLedger) = (new CapacityLedger(limits, _clock), new CapacityLedger(limits, _clock));
        _book = new ReservationBook(storage, _ledger, new RepositoryContent(storage), _clock);
        _otherBook = new ReservationBook(storage, _otherLedger, new RepositoryContent(storage), _clock);
    }

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    public async Task Reservation_WhoseBytesPassOneProcess_LivesInAllOfThem()
    {
        await _book.ReserveAsync(Repo, null, "job", 1000, includesStored: true, TimeSpan.FromHours(1), Token);
        await _otherBook.ShareAsync(Token);

        _clock.Advance(TimeSpan.FromMinutes(50));
        (await _ledger.HoldAsync(Repo, 100, Token)).Dispose(); // bytes, which renew it here
        await _book.ShareAsync(Token);
        _clock.Advance(TimeSpan.FromMinutes(20));

        Assert.AreEqual(0, await _otherBook.ExpireAsync(Token));
        await _book.ShareAsync(Token);
        Assert.IsNotNull(_book.Describe(Repo));
        Assert.IsNotNull(_otherBook.Describe(Repo));
    }

    [TestMethod]
    public async Task Reservation_ThatNoBytesRenew_LapsesInAllProcesses()
    {
        await _book.ReserveAsync(Repo, null, "job", 1000, includesStored: true, TimeSpan.FromHours(1), Token);
        await _otherBook.ShareAsync(Token);
        _clock.Advance(TimeSpan.FromMinutes(61));

        Assert.AreEqual(1, await _otherBook.ExpireAsync(Token));
        await _book.ShareAsync(Token);
        Assert.IsNull(_book.Describe(Repo));
        Assert.IsNull(_otherBook.Describe(Repo));
    }

    public void Dispose()
    {
        _book.Dispose();
        _otherBook.Dispose();
        _backend.Dispose();
        _folder.Dispose();
    }
}
