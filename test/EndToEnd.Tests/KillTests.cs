using System.Text.Json.Nodes;
using AiModels.TestKit;

namespace AiModels.EndToEnd.Tests;

/// <summary>kill -9 of the whole process at random moments, then a restart: nothing that was acknowledged is lost, and the end is the same.</summary>
[TestClass]
public sealed class KillTests
{
    private const int Kills = 6;

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Cancelled => TestContext.CancellationToken;

    [TestMethod]
    [Timeout(300_000, CooperativeCancellation = true)]
    public async Task Kill_DuringUploadAndPreparation_EndsWithTheSameDigest()
    {
        int seed = Random.Shared.Next();
        TestContext.WriteLine($"seed {seed}");
        var random = new Random(seed);
        await using RunningCluster cluster = await RunningCluster.StartAsync(Cancelled);
        byte[] file = ModelFiles.Gguf(80 << 20, seed: 5);

        (string url, string token) = await cluster.OpenUploadAsync("undisturbed", Cancelled, "weights.gguf", file.Length);
        Assert.AreEqual(200, (await cluster.CurlUploadAsync(url + "?filename=weights.gguf", token, file, Cancelled)).Status);
        string expected = Digest(await cluster.WaitForPhaseAsync("undisturbed", "Ready", Cancelled));

        (url, token) = await cluster.OpenUploadAsync("killed", Cancelled, "weights.gguf", file.Length);
        await UploadThroughKillsAsync(cluster, random, url, token, file);

        // One more while it is being prepared.
        await Task.Delay(TimeSpan.FromMilliseconds(random.Next(400)), TimeProvider.System, Cancelled);
        cluster.Kill();
        await cluster.UpAsync(Cancelled);
        Assert.AreEqual(expected, Digest(await cluster.WaitForPhaseAsync("killed", "Ready", Cancelled)));
    }

    private async Task UploadThroughKillsAsync(RunningCluster cluster, Random random, string url, string token, byte[] file)
    {
        long acknowledged = 0;
        for (int kills = 0; acknowledged < file.Length;)
        {
            using HttpClient client = cluster.CreateClient(token);
            long offset = await UploadTests.OffsetAsync(client, url, Cancelled);
            Assert.IsGreaterThanOrEqualTo(acknowledged, offset, "what was acknowledged is still there");
            acknowledged = offset;
            if (offset == file.Length) return;
            int length = (int)Math.Min(file.Length - offset, random.Next(1, 24 << 20));
            Task? kill = kills++ < Kills ? KillAfterAsync(cluster, TimeSpan.FromMilliseconds(random.Next(300))) : null;
            try
            {
                await UploadTests.PatchAsync(client, url, offset, file[(int)offset..(int)(offset + length)], Cancelled);
                acknowledged = offset + length;
            }
            catch (HttpRequestException)
            {
                // The kill came first: nothing of this piece was acknowledged.
            }

            if (kill == null) continue;
            await kill;
            await cluster.UpAsync(Cancelled);
        }
    }

    private async Task KillAfterAsync(RunningCluster cluster, TimeSpan delay)
    {
        await Task.Delay(delay, TimeProvider.System, Cancelled);
        cluster.Kill();
    }

    private static string Digest(JsonObject model) => (string)model["status"]!["artifact"]!["digest"]!;
}
