using AiModels.Soak;

namespace AiModels.ApiServer.Tests.ApiServer;

/// <summary>A short run of hack/soak.sh: real replicas, kills, and the proof that every watcher saw each change once and in order.</summary>
[TestClass]
public sealed class SoakTests
{
    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    [DataRow("sqlite", 1)]
    [DataRow("etcd", 2)]
    [Timeout(300_000, CooperativeCancellation = true)]
    public async Task Soak_WithKills_LosesNothing(string storage, int replicas)
    {
        var options = new SoakOptions
        {
            Storage = storage,
            Seconds = 5,
            Writers = 8,
            Watchers = 16,
            Replicas = replicas,
            Members = 1,
            KillEvery = 2,
        };
        using var output = new StringWriter();

        SoakReport report = await SoakRun.RunAsync(options, output, TestContext.CancellationToken);

        TestContext.WriteLine(report.Summary);
        Assert.IsEmpty(report.Failures, string.Join('\n', report.Failures));
    }
}
