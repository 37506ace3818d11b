using System.Security.Cryptography;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using AiModels.TestKit;
using AiModels.TestKit.FakeHuggingFace;
using Microsoft.AspNetCore.Http;

namespace AiModels.EndToEnd.Tests;

/// <summary>Bytes that rot on the registry's disk under a Ready model: found by the scrubber, never served, brought back from where they came or from a node that has them, and told on the way.</summary>
[TestClass]
public sealed class RepairTests
{
    private const int Chunk = 16 << 20;

    // Three chunks.
    private static readonly byte[] Weights = ModelFiles.Gguf(40 << 20, seed: 11);

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Cancelled => TestContext.CancellationToken;

    [TestMethod]
    [Timeout(300_000, CooperativeCancellation = true)]
    public async Task Rot_OnDisk_IsBroughtBackFromTheSourceOrFromEqualContent()
    {
        await using FakeHub hub = await FakeHub.StartAsync(("model.gguf", Weights));
        await using RunningCluster cluster = await RunningCluster.StartAsync(
            Cancelled, "--scrub-interval", "1s", "--huggingface-endpoint", $"{hub.Endpoint}", "--source-ca-file", TestAuthority.Shared.PemFile);
        (await cluster.ApplyAsync(A.Model("llama").FromUrl($"https://huggingface.co/{FakeHub.Repository}").Build(), Cancelled)).Succeeded();
        JsonObject ready = await cluster.WaitForPhaseAsync("llama", "Ready", Cancelled);
        Assert.IsNull(Intact(ready), "nothing was ever lost");
        hub.Cdn.Requests.Clear();

        string first = Rot(cluster, chunk: 1);
        JsonObject restored = await WaitForIntactAsync(cluster, "True", "ContentRestored");
        Assert.AreEqual(Digest(ready), Digest(restored));
        Assert.AreEqual("Ready", (string?)restored["status"]!["phase"]);
        Assert.AreEqual(first, await HashAsync(first, cluster));
        Assert.IsTrue(hub.Cdn.Requests.All(request => request.Start >= Chunk && request.Start < 2 * Chunk), string.Join('\n', hub.Cdn.Requests));
        await EventsAsync(cluster, "Warning ContentLost", "Normal ContentRestored");
        await MetricsAsync(cluster, rotten: 1, missing: 0, damaged: 0);
        await AssertDeliveredWholeAsync(cluster);

        // The source is gone: the model says so, and what needs the bytes waits.
        hub.Instead = http => HubErrors.Fail(http, StatusCodes.Status404NotFound, "RepoNotFound", "Repository not found", api: true);
        string second = Rot(cluster, chunk: 2);
        JsonObject lost = await WaitForIntactAsync(cluster, "False", "ContentLost", "owner/model");
        Assert.AreEqual("Ready", (string?)lost["status"]!["phase"]);
        StringAssert.Contains(Message(lost), "1 stored parts of the model");
        await MetricsAsync(cluster, rotten: 2, missing: 1, damaged: 1);
        Assert.IsFalse(File.Exists(PathOf(second, cluster)), "wrong bytes are not served");

        // Somebody brings the same bytes as another model.
        (string url, string token) = await cluster.OpenUploadAsync("again", Cancelled);
        Assert.AreEqual(200, (await cluster.CurlUploadAsync(url + "?filename=model.gguf", token, Weights, Cancelled)).Status);
        await cluster.WaitForPhaseAsync("again", "Ready", Cancelled);
        JsonObject whole = await WaitForIntactAsync(cluster, "True", "ContentRestored");
        Assert.AreEqual(Digest(ready), Digest(whole));
        Assert.AreEqual(second, await HashAsync(second, cluster));
        await MetricsAsync(cluster, rotten: 2, missing: 0, damaged: 0);
    }

    [TestMethod]
    [Timeout(300_000, CooperativeCancellation = true)]
    public async Task Rot_OfAnUploadedModel_IsGivenBackByANodeThatHasIt()
    {
        if (!Environment.IsPrivilegedProcess) Assert.Inconclusive("bind mounts need root");
        await using RunningCluster cluster = await RunningCluster.StartAsync(Cancelled, "--scrub-interval", "1s", "--delivery-type", "NodeCache");
        (string url, string token) = await cluster.OpenUploadAsync("llama", Cancelled);
        Assert.AreEqual(200, (await cluster.CurlUploadAsync(url + "?filename=model.gguf", token, Weights, Cancelled)).Status);
        JsonObject ready = await cluster.WaitForPhaseAsync("llama", "Ready", Cancelled);
        await AssertDeliveredWholeAsync(cluster);

        string[] rotten = [Rot(cluster, chunk: 0), Rot(cluster, chunk: 2)];
        foreach (string hash in rotten) await WaitForBytesAsync(hash, cluster);
        JsonObject restored = await WaitForIntactAsync(cluster, "True", "ContentRestored");
        Assert.AreEqual(Digest(ready), Digest(restored));
        await EventsAsync(cluster, "Warning ContentLost", "Normal ContentRestored");
    }

    /// <summary>Flips one bit of a stored chunk of the weights, which do not compress; as a disk does it: the registry may be reading the file. Gives its digest.</summary>
    private static string Rot(RunningCluster cluster, int chunk)
    {
        string hash = Convert.ToHexStringLower(SHA256.HashData(Weights.AsSpan(chunk * Chunk, Math.Min(Chunk, Weights.Length - (chunk * Chunk)))));
        using FileStream file = new(PathOf(hash, cluster), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        file.Position = file.Length / 2;
        int rotten = file.ReadByte() ^ 1;
        file.Position--;
        file.WriteByte((byte)rotten);
        return hash;
    }

    private static string PathOf(string hash, RunningCluster cluster) => Path.Combine(cluster.Data, "registry", "blobs", "sha256", hash[..2], hash);

    private async Task<string> HashAsync(string hash, RunningCluster cluster) => Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(PathOf(hash, cluster), Cancelled)));

    /// <summary>Each may be found and brought back in a pass of its own.</summary>
    private Task<string> WaitForBytesAsync(string hash, RunningCluster cluster) => Eventually.GetAsync(
        async () =>
        {
            try
            {
                return await HashAsync(hash, cluster);
            }
            catch (FileNotFoundException)
            {
                return "nothing"; // in quarantine
            }
        },
        found => found == hash, $"{hash} is whole again", Cancelled, seconds: 120);

    private Task<JsonObject> WaitForIntactAsync(RunningCluster cluster, string status, string reason, string words = "") => Eventually.GetAsync(
        () => cluster.GetAsync("model", "llama", Cancelled),
        model => Intact(model) is { } intact && (string?)intact["status"] == status && (string?)intact["reason"] == reason && Message(model).Contains(words, StringComparison.Ordinal),
        $"the model's Intact is {status}, {reason}, {words}",
        Cancelled,
        seconds: 120);

    private Task<string> EventsAsync(RunningCluster cluster, params string[] expected) => Eventually.GetAsync(
        () => cluster.KubectlAsync(Cancelled, "get", "events", "-o", "jsonpath={range .items[*]}{.type} {.reason}{\"\\n\"}{end}"),
        events => expected.All(line => events.Split('\n').Contains(line)),
        $"the Events {string.Join(", ", expected)}",
        Cancelled);

    private Task<string> MetricsAsync(RunningCluster cluster, int rotten, int missing, int damaged) => Eventually.GetAsync(
        async () => (await CommandResult.RunAsync("curl", ["-sSk", $"https://127.0.0.1:{cluster.Port + 2}/metrics"], Cancelled)).Succeeded(),
        text => Value(text, "aimodels_registry_scrub_rotten_total") == rotten
            && Value(text, "aimodels_registry_scrub_missing") == missing
            && Value(text, "aimodels_controllers_models_damaged") == damaged,
        $"metrics tell {rotten} rotten, {missing} missing, {damaged} damaged",
        Cancelled);

    private async Task AssertDeliveredWholeAsync(RunningCluster cluster)
    {
        (await cluster.ApplyAsync(A.Deployment("app", "llama"), Cancelled)).Succeeded();
        string pod = await cluster.RunningPodAsync("app", Cancelled);
        byte[] seen = await File.ReadAllBytesAsync(cluster.ContainerPath(pod, "/data/modelcache/models/llama/model.gguf"), Cancelled);
        Assert.IsTrue(Weights.SequenceEqual(seen));
    }

    private static int Value(string metrics, string name) =>
        Regex.Match(metrics, $@"^{name}(\{{.*\}})? (?<value>\d+)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture) is { Success: true } found ? int.Parse(found.Groups["value"].Value) : 0;

    private static JsonNode? Intact(JsonObject model) => model["status"]?["conditions"]?.AsArray().FirstOrDefault(condition => (string?)condition!["type"] == "Intact");

    private static string Message(JsonObject model) => (string?)Intact(model)?["message"] ?? "";

    private static string Digest(JsonObject model) => (string)model["status"]!["artifact"]!["digest"]!;
}
