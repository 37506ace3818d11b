using AiModels.Registry.Api;
using AiModels.TestKit;

namespace AiModels.Registry.Tests.Server.Api;

[TestClass]
public sealed class ManifestTurnsTests
{
    private const long Large = 1024 * 1024;

    private readonly ManualClock _clock = new();

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    [DataRow(Large)]
    [DataRow(null)]
    public async Task Enter_WithThreeLargeAtWork_WaitsForOneOfThem(long? length)
    {
        using var turns = new ManifestTurns(_clock);
        ManifestTurns.Turn[] held = [await turns.EnterAsync(length, Token), await turns.EnterAsync(length, Token), await turns.EnterAsync(length, Token)];
        Task<ManifestTurns.Turn> next = turns.EnterAsync(length, Token).AsTask();
        using ManifestTurns.Turn small = await turns.EnterAsync(1000, Token);
        Assert.IsFalse(next.IsCompleted);

        held[1].Dispose();
        (await next).Dispose();
        held[0].Dispose();
        held[2].Dispose();
    }

    [TestMethod]
    public async Task Turn_OfAClientThatIsTooSlow_Ends()
    {
        using var turns = new ManifestTurns(_clock);
        using ManifestTurns.Turn large = await turns.EnterAsync(Large, Token);
        using ManifestTurns.Turn small = await turns.EnterAsync(1000, Token);
        _clock.Advance(ManifestTurns.LongestBody - TimeSpan.FromSeconds(1));
        Assert.IsFalse(large.Body.IsCancellationRequested);

        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.IsTrue(large.IsOver && large.Body.IsCancellationRequested);
        Assert.IsFalse(small.Body.IsCancellationRequested, "who keeps nobody waiting may take its time");
    }

    [TestMethod]
    public async Task Turn_OfAClientThatIsGone_EndsWithItsRequest()
    {
        using var turns = new ManifestTurns(_clock);
        using var request = new CancellationTokenSource();
        using ManifestTurns.Turn turn = await turns.EnterAsync(Large, request.Token);
        await request.CancelAsync();
        Assert.IsTrue(turn.Body.IsCancellationRequested);
        Assert.IsFalse(turn.IsOver);
    }
}
