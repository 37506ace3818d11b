using AiModels.Registry.Storage.Backends.S3;
using AiModels.TestKit;

namespace AiModels.Registry.Tests.Server.Backends.S3;

/// <summary>The memory of parts is bounded for those who pass it on, and nobody waits for ever for those who do not.</summary>
[TestClass]
public sealed class PartMemoryTests
{
    private const int Block = PartMemory.BlockSize;

    private readonly ManualClock _clock = new();

    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Rent_WhileNothingIsGivenBack_EndsAfterAQuarterOfAMinute()
    {
        using var memory = new PartMemory(4 * Block, _clock);
        using PartBuffer held = await memory.RentAsync(4 * Block, TestContext.CancellationToken);
        Task<PartBuffer> waiting = memory.RentAsync(Block, TestContext.CancellationToken).AsTask();

        await PassAsync(14);
        Assert.IsFalse(waiting.IsCompleted);
        await PassAsync(1);
        (await waiting).Dispose();
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Rent_WhileTooLittleIsGivenBack_WaitsLonger_ButAMinuteAtMost()
    {
        using var memory = new PartMemory(4 * Block, _clock);
        using PartBuffer held = await memory.RentAsync(3 * Block, TestContext.CancellationToken);
        Task<PartBuffer> waiting = memory.RentAsync(2 * Block, TestContext.CancellationToken).AsTask();
        for (int i = 0; i < 5; i++)
        {
            await PassAsync(10);
            memory.TryRent(Block)!.Dispose();
        }

        await PassAsync(9);
        Assert.IsFalse(waiting.IsCompleted);
        await PassAsync(1);
        (await waiting).Dispose();
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Rent_GetsWhatIsGivenBack_AtOnce()
    {
        using var memory = new PartMemory(4 * Block, _clock);
        PartBuffer held = await memory.RentAsync(3 * Block, TestContext.CancellationToken);
        Task<PartBuffer> waiting = memory.RentAsync(2 * Block, TestContext.CancellationToken).AsTask();
        held.Dispose();
        (await waiting).Dispose();
    }

    // The waiter has set its timer anew before the clock goes on.
    private async Task PassAsync(int seconds)
    {
        await Eventually.GetAsync(() => Task.FromResult(_clock.ActiveTimers), timers => timers == 1, "somebody waits", TestContext.CancellationToken);
        _clock.Advance(TimeSpan.FromSeconds(seconds));
    }
}
