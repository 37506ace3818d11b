using System.Text.Json.Nodes;
using AiModels.Hosting;
using AiModels.Hosting.Kubernetes;
using AiModels.TestKit;
using Microsoft.Extensions.Logging.Abstractions;
using Moq;

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

    /// <summary>Requests that are never answered (an address that swallows them) must not outlast the Lease: somebody else may have it.</summary>
    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Run_WhenTheApiAnswersNoMore_StopsLeadingInTime()
    {
        var silent = new Mock<IKubernetesClient>();
        silent.Setup(c => c.GetAsync(ResourceTypes.Leases, "ns", "lease", It.IsAny<CancellationToken>())).ReturnsAsync((JsonObject?)null);
        silent.Setup(c => c.CreateAsync(ResourceTypes.Leases, It.IsAny<JsonObject>(), "one", It.IsAny<CancellationToken>())).ReturnsAsync((ResourceType _, JsonObject lease, string _, CancellationToken _) => lease);
        var leads = new TaskCompletionSource();
        var lost = new TaskCompletionSource();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.CancellationToken);
        var options = new LeaderElectionOptions("ns", "lease", "one");
        Task election = new LeaderElection(silent.Object, options, _clock, NullLogger<LeaderElection>.Instance).RunAsync(
            async token =>
            {
                silent.Setup(c => c.GetAsync(ResourceTypes.Leases, "ns", "lease", It.IsAny<CancellationToken>()))
                    .Returns(async (ResourceType _, string _, string _, CancellationToken request) =>
                    {
                        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, request);
                        return null;
                    });
                leads.TrySetResult();
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                lost.TrySetResult();
            },
            stop.Token);
        await leads.Task.WaitAsync(TestContext.CancellationToken);

        TimeSpan passed = TimeSpan.Zero;
        while (!lost.Task.IsCompleted)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            passed += TimeSpan.FromSeconds(1);
            await Task.Yield();
        }

        Assert.IsGreaterThanOrEqualTo(options.RenewDeadline, passed, "not before its time");
        await stop.CancelAsync();
        await election.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
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
