using AiModels.TestKit;
using Microsoft.Extensions.Logging;

namespace AiModels.NodeAgent.Tests;

[TestClass]
public sealed class PeriodicLookTests
{
    [TestMethod, Timeout(60_000)]
    public async Task Look_ThatFails_IsSaidOnceAndComesAgain()
    {
        var clock = new ManualClock();
        var log = new SaidTexts();
        using var look = new Looking(clock, log);
        await look.StartAsync(CancellationToken.None);
        for (int round = 1; round <= 3; round++)
        {
            int wanted = round;
            await Eventually.GetAsync(() => Task.FromResult(look.Looks), looks => looks == wanted, $"look {wanted}", CancellationToken.None);
            clock.Advance(TimeSpan.FromMinutes(1));
        }

        await Eventually.GetAsync(() => Task.FromResult(look.Looks), looks => looks == 4, "look 4", CancellationToken.None);
        Assert.IsFalse(look.ExecuteTask!.IsCompleted, "it ended, and the agent with it");
        await look.StopAsync(CancellationToken.None);
        Assert.AreEqual("Failed, and is tried again in 00:01:00: no space left on device", log.Texts.Single());
    }

    private sealed class Looking(TimeProvider time, ILogger logger) : PeriodicLook(TimeSpan.Zero, TimeSpan.FromMinutes(1), time, logger)
    {
        private int _looks;

        public int Looks => Volatile.Read(ref _looks);

        public override Task LookAsync(CancellationToken cancellationToken) => Interlocked.Increment(ref _looks) <= 3
            ? Task.FromException(new IOException("no space left on device"))
            : Task.CompletedTask;
    }

    private sealed class SaidTexts : ILogger
    {
        public List<string> Texts { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Texts.Add(formatter(state, exception));
    }
}
