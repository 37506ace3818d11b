using AiModels.Hosting;
using AiModels.Hosting.Kubernetes;
using AiModels.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace AiModels.Controllers.Tests.Runtime;

[TestClass]
public sealed class LeaderElectionTests
{
    private readonly InMemoryKubernetes _kubernetes = new();
    private readonly ManualClock _clock = new();

    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    [Timeout(30_000, CooperativeCancellation = true)]
    public async Task Run_TwoReplicas_OneLeadsAndTheOtherFollowsWhenItStops()
    {
        using var stopFirst = CancellationTokenSource.CreateLinkedTokenSource(TestContext.CancellationToken);
        using var stopSecond = CancellationTokenSource.CreateLinkedTokenSource(TestContext.CancellationToken);
        var first = new TaskCompletionSource();
        var second = new TaskCompletionSource();
        Task one = Elect("one", first, stopFirst.Token);
        await first.Task.WaitAsync(TestContext.CancellationToken);
        Task two = Elect("two", second, stopSecond.Token);
        Assert.AreEqual("one", await HolderAsync());

        await stopFirst.CancelAsync();
        await one.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Assert.AreEqual("", await HolderAsync(), "the Lease is given back");
        while (!second.Task.IsCompleted)
        {
            _clock.Advance(TimeSpan.FromSeconds(2));
            await Task.Yield();
        }

        Assert.AreEqual("two", await HolderAsync());
        await stopSecond.CancelAsync();
        await two.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private Task Elect(string identity, TaskCompletionSource leads, CancellationToken cancellationToken)
    {
        var election = new LeaderElection(_kubernetes, new LeaderElectionOptions("ns", "lease", identity), _clock, NullLogger<LeaderElection>.Instance);
        return election.RunAsync(
            async token =>
            {
                leads.SetResult();
                await Task.Delay(Timeout.InfiniteTimeSpan, _clock, token);
            },
            cancellationToken);
    }

    private async Task<string?> HolderAsync() =>
        (string?)(await _kubernetes.GetAsync(ResourceTypes.Leases, "ns", "lease", TestContext.CancellationToken))?["spec"]?["holderIdentity"];
}
