using System.Diagnostics;
using System.Globalization;
using AiModels.ApiMachinery.Storage;
using AiModels.ApiServer.Storage;

namespace AiModels.ApiServer.Tests.Storage;

/// <summary>kill -9 at random points: nothing acknowledged is lost, nothing is half there. Inherited by one class per embedded engine.</summary>
public abstract class StoreKillContract
{
    private readonly string _engine;

    /// <param name="engine">As --storage names it.</param>
    protected StoreKillContract(string engine) => _engine = engine;

    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Kill_AtRandomPoints_LosesNothingAcknowledged()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("store-kill-");
        string path = StorageEngines.PathIn(_engine, folder.FullName);
        var random = new Random(20_261);
        var acknowledged = new Dictionary<string, (long Revision, int Counter)>();
        for (int round = 0; round < 15; round++)
        {
            await RunAndKillAsync(path, random.Next(1, 1500), acknowledged);
            await CheckAsync(path, acknowledged);
        }

        Assert.IsNotEmpty(acknowledged);
        folder.Delete(recursive: true);
    }

    private async Task RunAndKillAsync(string path, int acknowledgements, Dictionary<string, (long Revision, int Counter)> acknowledged)
    {
        using Process child = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, ["child", StoreWriterChild.Name, _engine, path])
        {
            RedirectStandardOutput = true,
        })!;
        int seen = 0;
        while (await child.StandardOutput.ReadLineAsync(TestContext.CancellationToken) is { } line)
        {
            // A line that the kill cut off was not said.
            if (line.Split(' ') is [var key, var revision, var counter, ";"])
            {
                acknowledged[key] = (long.Parse(revision, CultureInfo.InvariantCulture), int.Parse(counter, CultureInfo.InvariantCulture));
            }

            if (++seen == acknowledgements)
            {
                child.Kill();
            }
        }

        await child.WaitForExitAsync(TestContext.CancellationToken);
        Assert.IsGreaterThanOrEqualTo(acknowledgements, seen, "the writer ended by itself");
    }

    private async Task CheckAsync(string path, Dictionary<string, (long Revision, int Counter)> acknowledged)
    {
        await using IObjectStore store = StorageEngines.OpenEmbedded(_engine, path, TimeProvider.System);
        StoredList list = await store.ListAsync(new ListRequest { Prefix = "/test/counters/" }, TestContext.CancellationToken);
        var stored = list.Objects.ToDictionary(o => o.Key.Name);
        foreach ((string key, (long revision, int counter)) in acknowledged)
        {
            Assert.IsTrue(stored.TryGetValue(key, out StoredObject? found), $"{key} was acknowledged at revision {revision} and is gone");
            int present = StoreWriterChild.Counter(found);
            Assert.IsTrue(
                present == counter && found.Revision == revision || present == counter + 1 && found.Revision > revision,
                $"{key}: acknowledged {counter} at revision {revision}, found {present} at {found.Revision}");
            Assert.IsGreaterThanOrEqualTo(found.Revision, list.Revision);
        }
    }
}
