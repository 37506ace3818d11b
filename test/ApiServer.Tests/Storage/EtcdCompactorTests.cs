using AiModels.ApiMachinery.Storage;
using AiModels.EtcdStore;
using AiModels.TestKit;

namespace AiModels.ApiServer.Tests.Storage;

/// <summary>History is compacted on time, once, however many replicas there are.</summary>
[TestClass]
public sealed class EtcdCompactorTests
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(5);

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Cancelled => TestContext.CancellationToken;

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Replicas_CompactToOneIntervalAgo_AndKeepWhatIsYounger()
    {
        await using RunningEtcd etcd = await RunningEtcd.StartAsync(cancellationToken: Cancelled);
        var clock = new ManualClock();
        await using EtcdObjectStore first = SharedEtcd.Open(etcd.Servers, "/x", compaction: Interval, time: clock);
        await using EtcdObjectStore second = SharedEtcd.Open(etcd.Servers, "/x", compaction: Interval, time: clock);
        long old = await WriteAsync(first, "old");
        await TurnAsync(etcd, clock, 1);
        await TurnAsync(etcd, clock, 2);
        long young = await WriteAsync(second, "young");
        await WriteAsync(second, "last");

        await TurnAsync(etcd, clock, 3);

        await Eventually.GetAsync(() => IsCompactedAsync(first, old), gone => gone, "what is older than an interval is gone", Cancelled);
        Assert.IsFalse(await IsCompactedAsync(second, young), "what is younger stays");
    }

    [TestMethod]
    [DataRow("3.4.23", false)]
    [DataRow("3.4.31", true)]
    [DataRow("3.5.12", false)]
    [DataRow("3.5.30", true)]
    [DataRow("3.6.0-rc.1", true)]
    [DataRow("3.3.27", false)]
    [DataRow("", false)]
    public void Progress_IsBelievedOfMembersThatTellItTruly(string version, bool isTrue) => Assert.AreEqual(isTrue, EtcdVersion.TellsProgressTruly(version));

    private async Task<long> WriteAsync(EtcdObjectStore store, string name) =>
        (await store.CreateAsync(new ObjectKey("test", "things", "", name), new byte[1], Cancelled)).Object!.Revision;

    // Moves the clock until the shared one has made its next move; a replica may still be on its way to wait for the tick.
    private async Task TurnAsync(RunningEtcd etcd, ManualClock clock, int version) => await Eventually.GetAsync(
        async () =>
        {
            string found = await etcd.EtcdctlAsync(0, ["get", "compact_rev_key", "-w", "fields"], Cancelled);
            if (!found.Contains($"\"Version\" : {version}", StringComparison.Ordinal))
            {
                clock.Advance(Interval);
            }

            return found;
        },
        found => found.Contains($"\"Version\" : {version}", StringComparison.Ordinal), $"turn {version}", Cancelled);

    private async Task<bool> IsCompactedAsync(EtcdObjectStore store, long revision)
    {
        try
        {
            await store.ListAsync(new ListRequest { Prefix = "/test/things/", Revision = revision }, Cancelled);
            return false;
        }
        catch (RevisionCompactedException)
        {
            return true;
        }
    }
}
