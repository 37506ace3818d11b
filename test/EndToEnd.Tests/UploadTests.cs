using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using AiModels.TestKit;

namespace AiModels.EndToEnd.Tests;

/// <summary>Uploads of every shape, good and bad, against one cluster.</summary>
[TestClass]
public sealed class UploadTests
{
    private static RunningCluster _cluster = null!;

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Cancelled => TestContext.CancellationToken;

    [ClassInitialize]
    public static async Task StartAsync(TestContext context) => _cluster = await RunningCluster.StartAsync(context.CancellationToken);

    [ClassCleanup]
    public static async Task StopAsync() => await _cluster.DisposeAsync();

    [TestMethod]
    [DataRow("tar")]
    [DataRow("zip")]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Archive_OfSafetensors_BecomesReadyAndIsMounted(string kind)
    {
        IReadOnlyDictionary<string, byte[]> files = ModelFiles.SafetensorsModel();
        string name = $"bert-{kind}";
        (string url, string token) = await _cluster.OpenUploadAsync(name, Cancelled, $"bert.{kind}");
        (int status, string body) = await _cluster.CurlUploadAsync($"{url}?filename=bert.{kind}", token, kind == "tar" ? ModelFiles.Tar(files) : ModelFiles.Zip(files), Cancelled);
        Assert.AreEqual(200, status, body);
        JsonObject model = await _cluster.WaitForPhaseAsync(name, "Ready", Cancelled);
        Assert.AreEqual("Safetensors", (string?)model["status"]!["resolved"]!["format"]);

        (await _cluster.ApplyAsync(A.Deployment($"app-{kind}", name), Cancelled)).Succeeded();
        string pod = await _cluster.RunningPodAsync($"app-{kind}", Cancelled);
        foreach ((string file, byte[] content) in files)
        {
            byte[] seen = await File.ReadAllBytesAsync(_cluster.ContainerPath(pod, $"/data/modelcache/models/{name}/{file}"), Cancelled);
            Assert.IsTrue(content.SequenceEqual(seen), file);
        }
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Tus_InPieces_ResumesWhereHeadSays()
    {
        byte[] file = ModelFiles.Gguf(3 << 20, seed: 7);
        (string url, string token) = await _cluster.OpenUploadAsync("pieces", Cancelled, "pieces.gguf", file.Length);
        using HttpClient client = _cluster.CreateClient(token);
        int offset = 0;
        foreach (int length in (int[])[1_000_000, 1, 500_003, file.Length])
        {
            int end = Math.Min(file.Length, offset + length);
            Assert.AreEqual(HttpStatusCode.NoContent, (await PatchAsync(client, url, offset, file[offset..end], Cancelled)).Status);
            offset = end;
            if (offset < file.Length) Assert.AreEqual(offset, await OffsetAsync(client, url, Cancelled));
        }

        await _cluster.WaitForPhaseAsync("pieces", "Ready", Cancelled);
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Tus_WrongOffset_IsAConflictThatTellsTheRightOne()
    {
        byte[] file = ModelFiles.Gguf();
        (string url, string token) = await _cluster.OpenUploadAsync("offset", Cancelled, "offset.gguf", file.Length);
        using HttpClient client = _cluster.CreateClient(token);
        (HttpStatusCode status, string message) = await PatchAsync(client, url, 5, file[5..10], Cancelled);
        Assert.AreEqual(HttpStatusCode.Conflict, status);
        StringAssert.Contains(message, "the upload stands at 0");
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task WrongToken_IsUnauthorizedAndTheSessionStays()
    {
        (string url, string token) = await _cluster.OpenUploadAsync("token", Cancelled);
        Assert.AreEqual(401, (await _cluster.CurlUploadAsync(url + "?filename=a.gguf", token + "x", ModelFiles.Gguf(), Cancelled)).Status);
        Assert.AreEqual(200, (await _cluster.CurlUploadAsync(url + "?filename=a.gguf", token, ModelFiles.Gguf(), Cancelled)).Status);
        await _cluster.WaitForPhaseAsync("token", "Ready", Cancelled);
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task WrongContent_IsRefusedAtOnceAndTheSessionStays()
    {
        (string url, string token) = await _cluster.OpenUploadAsync("content", Cancelled, "a.zip");
        (int status, string body) = await _cluster.CurlUploadAsync(url + "?filename=a.zip", token, new byte[1 << 20], Cancelled);
        Assert.AreEqual(422, status, body);
        StringAssert.Contains(body, "zip");
        Assert.AreEqual(200, (await _cluster.CurlUploadAsync(url + "?filename=a.zip", token, ModelFiles.Zip(ModelFiles.SafetensorsModel()), Cancelled)).Status);
        await _cluster.WaitForPhaseAsync("content", "Ready", Cancelled);
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task ShortBody_LeavesTheSessionOpenAtItsOffset()
    {
        byte[] file = ModelFiles.Gguf(2 << 20, seed: 3);
        (string url, string token) = await _cluster.OpenUploadAsync("short", Cancelled, "short.gguf", file.Length);
        using HttpClient client = _cluster.CreateClient(token);
        using var request = new HttpRequestMessage(HttpMethod.Put, url + "?filename=short.gguf") { Content = new CutOffContent(file, file.Length / 2) };
        await Assert.ThrowsExactlyAsync<HttpRequestException>(() => client.SendAsync(request, Cancelled));

        // The server may notice the break only after the first HEAD: like every tus client, ask again after a conflict.
        await Eventually.GetAsync(
            async () =>
            {
                long offset = await OffsetAsync(client, url, Cancelled);
                Assert.IsLessThan(file.Length, offset);
                return (await PatchAsync(client, url, offset, file[(int)offset..], Cancelled)).Status;
            },
            status => status == HttpStatusCode.NoContent, "the rest is taken", Cancelled);
        await _cluster.WaitForPhaseAsync("short", "Ready", Cancelled);
    }

    [TestMethod]
    [DataRow("truncated.gguf")]
    [DataRow("escape.zip")]
    [DataRow("absolute.tar")]
    [DataRow("empty.zip")]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task BadFile_FailsWithAReasonInWords(string fileName)
    {
        byte[] content = fileName switch
        {
            "truncated.gguf" => ModelFiles.Gguf()[..^1000],
            "escape.zip" => ModelFiles.Zip(new Dictionary<string, byte[]>(ModelFiles.SafetensorsModel()) { ["../evil"] = [1] }),
            "absolute.tar" => ModelFiles.Tar(new Dictionary<string, byte[]>(ModelFiles.SafetensorsModel()) { ["/etc/evil"] = [1] }),
            _ => ModelFiles.Zip(new Dictionary<string, byte[]> { ["readme.txt"] = [1] }),
        };
        string name = "bad-" + fileName.Replace('.', '-');
        (string url, string token) = await _cluster.OpenUploadAsync(name, Cancelled, fileName);
        (int status, string body) = await _cluster.CurlUploadAsync($"{url}?filename={fileName}", token, content, Cancelled);
        Assert.AreEqual(200, status, body);
        JsonObject model = await _cluster.WaitForPhaseAsync(name, "Failed", Cancelled);
        JsonNode ready = model["status"]!["conditions"]!.AsArray().Single(c => (string?)c!["type"] == "Ready")!;
        Assert.AreEqual("False", (string?)ready["status"]);
        Assert.IsGreaterThan(20, ((string)ready["message"]!).Length, "a message that a person can act on");
        Assert.IsFalse(File.Exists("/etc/evil"));
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task TwoSources_AreRefusedWithBothNames()
    {
        CommandResult result = await _cluster.ApplyAsync(A.Model("two").FromUpload().FromUrl("https://huggingface.co/a/b").Build(), Cancelled);
        Assert.AreEqual(1, result.ExitCode);
        StringAssert.Contains(result.Error, "spec.source");
        StringAssert.Contains(result.Error, "upload");
        StringAssert.Contains(result.Error, "url");
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task ChangedSpec_IsImmutable()
    {
        (await _cluster.ApplyAsync(A.Model("fixed").FromUpload().Build(), Cancelled)).Succeeded();
        CommandResult result = await _cluster.TryKubectlAsync(
            Cancelled, "patch", "model", "fixed", "--type=merge", "-p", """{"spec":{"source":{"upload":null,"url":"https://huggingface.co/a/b"}}}""");
        Assert.AreEqual(1, result.ExitCode);
        StringAssert.Contains(result.Error, "field is immutable");
    }

    internal static async Task<long> OffsetAsync(HttpClient client, string url, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Head, url);
        request.Headers.Add("Tus-Resumable", "1.0.0");
        using HttpResponseMessage answer = await client.SendAsync(request, cancellationToken);
        answer.EnsureSuccessStatusCode();
        return long.Parse(answer.Headers.GetValues("Upload-Offset").Single());
    }

    internal static async Task<(HttpStatusCode Status, string Body)> PatchAsync(HttpClient client, string url, long offset, byte[] content, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Patch, url) { Content = new ByteArrayContent(content) };
        request.Headers.Add("Tus-Resumable", "1.0.0");
        request.Headers.Add("Upload-Offset", $"{offset}");
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/offset+octet-stream");
        using HttpResponseMessage answer = await client.SendAsync(request, cancellationToken);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync(cancellationToken));
    }

    /// <summary>Announces everything and breaks off on the way.</summary>
    private sealed class CutOffContent(byte[] content, int sent) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(content.AsMemory(0, sent));
            await stream.FlushAsync();
            throw new HttpRequestException("cut off");
        }

        protected override bool TryComputeLength(out long length)
        {
            length = content.Length;
            return true;
        }
    }
}
