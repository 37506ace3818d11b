using AiModels.Controllers.Preparation.Sources.Hubs;

namespace AiModels.Controllers.Tests.Preparation.Sources.Hubs;

[TestClass]
public sealed class TransferBudgetTests
{
    private const int Chunk = 16 << 20;
    private const long Large = 1L << 30;

    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    public async Task AdmitFile_AllRoomIsHeldByLargeFiles_ASmallOneWaitsForNobody()
    {
        using var budget = new TransferBudget(1);
        IDisposable[] held = [await Admit(budget, "a", Large), await Admit(budget, "b", Large), await Admit(budget, "c", Large)];
        Assert.IsFalse(Admit(budget, "d", Large).IsCompleted);
        (await Admit(budget, "e", 8 << 20)).Dispose();
        (await Admit(budget, "e", 0)).Dispose();
        Assert.HasCount(3, held);
    }

    [TestMethod]
    public async Task AdmitFile_OfAHundredGigabytes_TwoAtATimeAndAThirdPlaceForOthers()
    {
        using var budget = new TransferBudget(1);
        IDisposable[] held = [await Admit(budget, "a", 100 * Large), await Admit(budget, "a", 100 * Large)];
        Task<IDisposable> third = Admit(budget, "a", 100 * Large);
        Assert.IsFalse(third.IsCompleted);
        (await Admit(budget, "b", Large)).Dispose();
        foreach (IDisposable room in held)
        {
            room.Dispose();
        }

        (await third).Dispose();
        Assert.IsTrue(budget.IsRoomFree);
    }

    [TestMethod]
    public async Task Connections_WaiterAndTrier_WaiterComesFirst()
    {
        using var budget = new TransferBudget(1);
        await budget.AcquireConnectionAsync(TestContext.CancellationToken);
        Assert.IsFalse(budget.TryAcquireConnection());
        Task waiting = budget.AcquireConnectionAsync(TestContext.CancellationToken);
        budget.ReleaseConnection();
        Assert.IsFalse(budget.TryAcquireConnection());
        await waiting;
    }

    private Task<IDisposable> Admit(TransferBudget budget, string owner, long size) => budget.AdmitFileAsync(owner, size, Chunk, TestContext.CancellationToken);
}
