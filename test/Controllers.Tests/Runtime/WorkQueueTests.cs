using AiModels.Controllers.Runtime;
using AiModels.TestKit;

namespace AiModels.Controllers.Tests.Runtime;

[TestClass]
public sealed class WorkQueueTests
{
    private readonly ManualClock _clock = new();

    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    public async Task Add_TwiceBeforeTake_GivesTheKeyOnce()
    {
        using WorkQueue<string> queue = Queue();
        queue.Add("a");
        queue.Add("a");
        queue.Add("b");

        Assert.AreEqual("a", await queue.TakeAsync(TestContext.CancellationToken));
        Assert.AreEqual("b", await queue.TakeAsync(TestContext.CancellationToken));
        Assert.AreEqual(0, queue.Count);
    }

    [TestMethod]
    public async Task Add_WhileTheKeyIsWorkedOn_ComesBackOnlyAfterDone()
    {
        using WorkQueue<string> queue = Queue();
        queue.Add("a");
        string key = await queue.TakeAsync(TestContext.CancellationToken);
        queue.Add("a");
        queue.Add("a");
        Task<string> second = queue.TakeAsync(TestContext.CancellationToken).AsTask();
        Assert.IsFalse(second.IsCompleted);

        queue.Done(key);

        Assert.AreEqual("a", await second);
        queue.Done("a");
        Assert.AreEqual(0, queue.Count);
    }

    [TestMethod]
    public async Task AddAfter_SeveralTimes_TheEarliestCountsAndOnlyOnce()
    {
        using WorkQueue<string> queue = Queue();
        queue.AddAfter("a", TimeSpan.FromSeconds(10));
        queue.AddAfter("a", TimeSpan.FromSeconds(2));
        queue.AddAfter("a", TimeSpan.FromSeconds(5));
        Assert.AreEqual(0, queue.Count);

        _clock.Advance(TimeSpan.FromSeconds(2));
        Assert.AreEqual("a", await queue.TakeAsync(TestContext.CancellationToken));
        queue.Done("a");

        _clock.Advance(TimeSpan.FromSeconds(60));
        Assert.AreEqual(0, queue.Count);
    }

    [TestMethod]
    public void AddAfter_MoreThanATimerCanWait_IsTaken()
    {
        using WorkQueue<string> queue = new(TimeProvider.System, new Backoff<string>(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(8), new Random(1)));
        queue.AddAfter("a", TimeSpan.FromDays(400));
        Assert.AreEqual(0, queue.Count);
    }

    [TestMethod]
    public async Task Take_ManyWorkersAndAdders_NeverRunsOneKeyTwiceAtOnceAndLosesNone()
    {
        using WorkQueue<int> queue = new(_clock, new Backoff<int>(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(8), new Random(1)));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.CancellationToken);
        int[] running = new int[16];
        int[] wanted = new int[16];
        int[] seen = new int[16];
        bool overlapped = false;
        Task[] workers = [.. Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            try
            {
                while (true)
                {
                    int key = await queue.TakeAsync(stop.Token);
                    overlapped |= Interlocked.Increment(ref running[key]) != 1;
                    int version = Volatile.Read(ref wanted[key]);
                    await Task.Yield();
                    Volatile.Write(ref seen[key], version);
                    Interlocked.Decrement(ref running[key]);
                    queue.Done(key);
                }
            }
            catch (OperationCanceledException)
            {
                // The end of the test.
            }
        }))];

        await Task.WhenAll(Enumerable.Range(0, 4).Select(seed => Task.Run(() =>
        {
            var random = new Random(seed);
            for (int i = 0; i < 5000; i++)
            {
                int key = random.Next(16);
                Interlocked.Increment(ref wanted[key]);
                queue.Add(key);
            }
        })));
        while (!wanted.AsSpan().SequenceEqual(seen))
        {
            TestContext.CancellationToken.ThrowIfCancellationRequested();
            await Task.Yield();
        }

        await stop.CancelAsync();
        await Task.WhenAll(workers);
        Assert.IsFalse(overlapped);
    }

    [TestMethod]
    public void Backoff_RepeatedFailures_GrowToTheLimitWithinTheJitterAndStartAnewAfterForget()
    {
        var backoff = new Backoff<string>(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(60), new Random(7));
        for (int failure = 0; failure < 100; failure++)
        {
            double full = Math.Min(60, Math.Pow(2, failure));
            double delay = backoff.Next("a").TotalSeconds;
            Assert.IsTrue(delay >= full / 2 && delay <= full, $"failure {failure}: {delay} s of {full} s");
        }

        backoff.Forget("a");
        Assert.IsLessThanOrEqualTo(1, backoff.Next("a").TotalSeconds);
    }

    private WorkQueue<string> Queue() => new(_clock, new Backoff<string>(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(8), new Random(1)));
}
