using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using AiModels.TestKit;
using AiModels.TestKit.FakeHuggingFace;

namespace AiModels.EndToEnd.Tests;

/// <summary>Models prepared by Jobs of the cluster: the real program in the Job's Pod, under the account and the rights of the manifests.</summary>
[TestClass]
public sealed class PreparationJobTests
{
    private const int Chunk = 16 << 20;
    private const int Size = 70 << 20;

    // Headers are read by ranges of 512 KiB.
    private const int HeaderRange = 512 << 10;

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Cancelled => TestContext.CancellationToken;

    [TestMethod]
    [Timeout(300_000, CooperativeCancellation = true)]
    public async Task Prepare_WorkerKilledOnTheWay_TheNextPodGoesOnFromTheNotedChunks()
    {
        await using FakeHub hub = await FakeHub.StartAsync(("model.gguf", ModelFiles.Gguf(Size, seed: 7)));
        await using RunningCluster cluster = await RunningCluster.StartAsync(
            Cancelled, "--preparation", "jobs", "--huggingface-endpoint", $"{hub.Endpoint}", "--source-ca-file", TestAuthority.Shared.PemFile);
        string expected = await PrepareAsync(cluster, "undisturbed");

        // The second half does not come until the worker is dead: two chunks are stored by then.
        hub.Cdn.Fault = request => IsPayload(request) && request.Start >= Size / 2 ? CdnFault.Stall : null;
        (await cluster.ApplyAsync(Model("killed"), Cancelled)).Succeeded();
        await Eventually.GetAsync(() => PercentAsync(cluster, "killed"), percent => percent >= (int)(99.0 * 2 * Chunk / Size), "two chunks are noted", Cancelled);
        KillWorker(cluster);
        hub.Cdn.Requests.Clear();
        hub.Cdn.Fault = null;

        Assert.AreEqual(expected, Digest(await cluster.WaitForPhaseAsync("killed", "Ready", Cancelled)));
        CdnRequest[] again = [.. hub.Cdn.Requests.Where(request => IsPayload(request) && request.Start < 2 * Chunk)];
        Assert.IsEmpty(again, string.Join('\n', again.AsEnumerable()));

        (string url, string token) = await cluster.OpenUploadAsync("uploaded", Cancelled);
        Assert.AreEqual(200, (await cluster.CurlUploadAsync(url, token, ModelFiles.Gguf(), Cancelled)).Status);
        await cluster.WaitForPhaseAsync("uploaded", "Ready", Cancelled);
        await AssertNothingIsLeftAsync(cluster);
    }

    private async Task AssertNothingIsLeftAsync(RunningCluster cluster)
    {
        await cluster.KubectlAsync(Cancelled, "delete", "models", "--all", "--timeout=120s");
        await Eventually.GetAsync(
            () => cluster.KubectlAsync(Cancelled, "get", "jobs,pods,secrets", "-n", "d8-ai-models", "-o", "name"),
            names => !names.Contains("ai-models-prepare-", StringComparison.Ordinal), "Jobs, Pods and Secrets of the preparation are gone", Cancelled);
        string log = await File.ReadAllTextAsync(Path.Combine(cluster.Data, "cluster.log"), Cancelled);
        CollectionAssert.AreEqual(Array.Empty<string>(), log.Split('\n').Where(line => line.Contains("Not allowed: system:serviceaccount:d8-ai-models:", StringComparison.Ordinal)).ToArray());
    }

    private async Task<string> PrepareAsync(RunningCluster cluster, string name)
    {
        (await cluster.ApplyAsync(Model(name), Cancelled)).Succeeded();
        return Digest(await cluster.WaitForPhaseAsync(name, "Ready", Cancelled));
    }

    private async Task<int> PercentAsync(RunningCluster cluster, string name) =>
        (string?)(await cluster.GetAsync("model", name, Cancelled))["status"]?["progress"] is { } percent ? int.Parse(percent.TrimEnd('%'), CultureInfo.InvariantCulture) : 0;

    /// <summary>kill -9 of the one <c>controllers prepare</c> of this cluster.</summary>
    private static void KillWorker(RunningCluster cluster)
    {
        Process worker = Process.GetProcessesByName("controllers").Single(process => IsWorkerOf(cluster, process.Id));
        worker.Kill();
        worker.WaitForExit();
    }

    private static bool IsWorkerOf(RunningCluster cluster, int process)
    {
        try
        {
            string line = File.ReadAllText($"/proc/{process}/cmdline");
            return line.Contains("\0prepare\0", StringComparison.Ordinal) && line.Contains(cluster.Data, StringComparison.Ordinal);
        }
        catch (IOException)
        {
            // Some other process that has just ended.
            return false;
        }
    }

    private static bool IsPayload(CdnRequest request) => request.End - request.Start > HeaderRange;

    private static JsonObject Model(string name) => A.Model(name).FromUrl($"https://huggingface.co/{FakeHub.Repository}").Build();

    private static string Digest(JsonObject model) => (string)model["status"]!["artifact"]!["digest"]!;
}
