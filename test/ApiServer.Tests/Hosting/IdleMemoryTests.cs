using AiModels.Hosting;
using AiModels.TestKit;

namespace AiModels.ApiServer.Tests.Hosting;

/// <summary>When a process that has become quiet gives memory back.</summary>
[TestClass]
public sealed class IdleMemoryTests
{
    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task IdleMemory_AfterABurst_CollectsOnce_AndOnlyWhenItIsQuiet()
    {
        var clock = new ManualClock();
        var spare = new Spare();
        long allocated = 0;
        int collections = 0, looks = 0;
        using var idle = new IdleMemory(clock, [spare], () =>
        {
            Interlocked.Increment(ref looks);
            return Interlocked.Read(ref allocated);
        }, () => Interlocked.Increment(ref collections));
        await idle.StartAsync(CancellationToken.None);

        // The first look is the one before the first interval.
        await Eventually.GetAsync(() => Task.FromResult(Volatile.Read(ref looks)), now => now == 1, "it waits for its first interval", CancellationToken.None);

        await IntervalAsync(0);
        await IntervalAsync(10 * IdleMemory.Quiet);
        await IntervalAsync(IdleMemory.Quiet / 2);
        await Eventually.GetAsync(() => Task.FromResult(Volatile.Read(ref collections)), now => now > 0, "it collects", CancellationToken.None);
        Assert.AreEqual(1, spare.Releases);
        await IntervalAsync(IdleMemory.Quiet / 2);
        await IntervalAsync(0);
        await idle.StopAsync(CancellationToken.None);

        Assert.AreEqual(1, collections, "not before anything was done, not while it was busy, and not for nothing new");

        async Task IntervalAsync(long bytes)
        {
            int before = Volatile.Read(ref looks);
            Interlocked.Add(ref allocated, bytes);
            clock.Advance(IdleMemory.Interval);
            await Eventually.GetAsync(() => Task.FromResult(Volatile.Read(ref looks)), now => now > before, "it has looked", CancellationToken.None);
        }
    }

    private sealed class Spare : ISpareMemory
    {
        public int Releases { get; private set; }

        public void Release() => Releases++;
    }
}
