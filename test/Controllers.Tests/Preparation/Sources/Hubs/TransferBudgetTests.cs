using AiModels.Controllers.Preparation.Sources.Hubs;

namespace AiModels.Controllers.Tests.Preparation.Sources.Hubs;

[TestClass]
public sealed class TransferBudgetTests
{
    private const long Most = 3 * TransferBudget.FileBytes;

    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    public async Task AdmitFile_WhenFull_WaitsInTheOrderOfAsking()
    {
        using var budget = new TransferBudget(1);
        IDisposable first = await budget.AdmitFileAsync(Most, TestContext.CancellationToken);
        Task<IDisposable> large = budget.AdmitFileAsync(Most, TestContext.CancellationToken);
        Task<IDisposable> small = budget.AdmitFileAsync(1, TestContext.CancellationToken);
        Assert.IsFalse(large.IsCompleted || small.IsCompleted, "the small one does not overtake, or large ones would wait for ever");

        first.Dispose();
        (await large).Dispose();
        (await small).Dispose();
        Assert.IsTrue(budget.IsRoomFree);
    }

    [TestMethod]
    public async Task AdmitFile_LargerThanAll_GetsAll()
    {
        using var budget = new TransferBudget(1);
        (await budget.AdmitFileAsync(100 * Most, TestContext.CancellationToken)).Dispose();
        Assert.IsTrue(budget.IsRoomFree);
    }

    [TestMethod]
    public async Task AdmitFile_GivenUp_TakesNothingAndLetsTheNextOn()
    {
        using var budget = new TransferBudget(1);
        IDisposable first = await budget.AdmitFileAsync(Most, TestContext.CancellationToken);
        using var impatient = new CancellationTokenSource();
        Task<IDisposable> second = budget.AdmitFileAsync(Most, impatient.Token);
        Task<IDisposable> third = budget.AdmitFileAsync(1, TestContext.CancellationToken);
        await impatient.CancelAsync();
        await Assert.ThrowsAsync<OperationCanceledException>(() => second);
        first.Dispose();
        first.Dispose();
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
}
