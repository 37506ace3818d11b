using AiModels.EtcdStore;

namespace AiModels.ApiServer.Tests.Storage;

/// <summary>One question for many, and nobody gets an answer that is older than his call.</summary>
[TestClass]
public sealed class SharedReadTests
{
    private readonly List<TaskCompletionSource<int>> _reads = [];
    private readonly SemaphoreSlim _begun = new(0);
    private readonly SharedRead<int> _shared;

    public SharedReadTests() => _shared = new SharedRead<int>(() =>
    {
        var answer = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        _reads.Add(answer);
        _begun.Release();
        return answer.Task;
    });

    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Calls_DuringARead_ShareTheNext()
    {
        Task<int> first = await BeginAsync();
        Task<int>[] others = [.. Enumerable.Range(0, 5).Select(_ => _shared.ReadAsync(TestContext.CancellationToken))];
        Assert.HasCount(1, _reads);

        _reads[0].SetResult(1);
        Assert.AreEqual(1, await first);
        await _begun.WaitAsync(TestContext.CancellationToken);
        Task<int> late = _shared.ReadAsync(TestContext.CancellationToken);
        _reads[1].SetResult(2);
        foreach (Task<int> other in others)
        {
            Assert.AreEqual(2, await other);
        }

        await _begun.WaitAsync(TestContext.CancellationToken);
        _reads[2].SetResult(3);
        Assert.AreEqual(3, await late);
        Assert.HasCount(3, _reads);
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Failure_IsToldToAllWhoShareIt_AndEndsWithThem()
    {
        Task<int> first = await BeginAsync();
        Task<int> second = _shared.ReadAsync(TestContext.CancellationToken);
        _reads[0].SetException(new InvalidOperationException("one"));
        Assert.AreEqual("one", (await Assert.ThrowsExactlyAsync<InvalidOperationException>(() => first)).Message);

        await _begun.WaitAsync(TestContext.CancellationToken);
        _reads[1].SetResult(2);
        Assert.AreEqual(2, await second);
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Cancellation_OfOneCall_LeavesTheReadToTheOthers()
    {
        Task<int> first = await BeginAsync();
        using var stop = new CancellationTokenSource();
        Task<int> leaving = _shared.ReadAsync(stop.Token), staying = _shared.ReadAsync(TestContext.CancellationToken);
        await stop.CancelAsync();
        await Assert.ThrowsAsync<OperationCanceledException>(() => leaving);

        _reads[0].SetResult(1);
        await first;
        await _begun.WaitAsync(TestContext.CancellationToken);
        _reads[1].SetResult(2);
        Assert.AreEqual(2, await staying);
    }

    private async Task<Task<int>> BeginAsync()
    {
        Task<int> first = _shared.ReadAsync(TestContext.CancellationToken);
        await _begun.WaitAsync(TestContext.CancellationToken);
        return first;
    }
}
