using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;

namespace AiModels.ApiServer.Tests.ApiServer;

/// <summary>kill -9 of ApiServer and registry in the middle of an upload, again and again: it goes on at the offset that HEAD tells and ends in the same digest.</summary>
[TestClass]
public sealed class UploadKillTests
{
    private const int Length = 50_000_000;
    private const int Kills = 6;

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Cancelled => TestContext.CancellationToken;

    [TestMethod]
    [Timeout(300_000, CooperativeCancellation = true)]
    public async Task Kill_AtRandomPoints_ResumesAndEndsInTheSameDigest()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("upload-kill-");
        int port = RunningServer.FreePort(), registryPort = RunningServer.FreePort();
        string url = $"https://127.0.0.1:{port}";
        byte[] file = new byte[Length];
        var random = new Random(42);
        random.NextBytes(file);
        "GGUF"u8.CopyTo(file);

        // What an undisturbed upload gives.
        string expected;
        string token;
        using (Process child = await StartAsync(folder, port, registryPort))
        {
            expected = await UploadAsync(url, await OpenAsync(url, "calm"), "calm", file);
            token = await OpenAsync(url, "stormy");
            await KillAsync(child);
        }

        long acknowledged = 0;
        for (int kill = 0; kill < Kills; kill++)
        {
            using Process child = await StartAsync(folder, port, registryPort);
            acknowledged = await SendUntilKilledAsync(url, token, file, acknowledged, child, random);
        }

        using Process last = await StartAsync(folder, port, registryPort);
        Assert.AreEqual(expected, await ResumeAsync(url, token, file, acknowledged));
        await KillAsync(last);
        folder.Delete(recursive: true);
    }

    private async Task<Process> StartAsync(DirectoryInfo folder, int port, int registryPort)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!, ["child", UploadServerChild.Name, folder.FullName, $"{port}", $"{registryPort}"])
        {
            RedirectStandardOutput = true,
            Environment = { [RunningServer.AuthorityVariable] = RunningServer.AuthorityFolder, ["AIMODELS_LOG_LEVEL"] = "Error" },
        };
        Process child = Process.Start(start)!;
        while (await child.StandardOutput.ReadLineAsync(Cancelled) is not ("ready" or null))
        {
        }

        return child;
    }

    private async Task KillAsync(Process child)
    {
        child.Kill();
        await child.WaitForExitAsync(Cancelled);
    }

    private async Task<string> OpenAsync(string url, string name)
    {
        using HttpClient admin = RunningServer.Client(url, RunningServer.AdminToken);
        await RunningServer.SendAsync(
            admin, HttpMethod.Post, "/apis/ai.deckhouse.io/v1alpha1/namespaces/team-a/models", RunningServer.Model(name, """{"upload":{}}"""), Cancelled);
        (_, JsonObject session) = await RunningServer.SendAsync(
            admin, HttpMethod.Post, RunningServer.ModelPath(name, "upload"), $$$"""{"spec":{"fileName":"m.gguf","lengthBytes":{{{Length}}}}}""", Cancelled);
        return (string)session["status"]!["token"]!;
    }

    private async Task<string> UploadAsync(string url, string token, string name, byte[] file)
    {
        using HttpClient client = RunningServer.Client(url, token);
        using HttpResponseMessage response = await client.PutAsync(RunningServer.ModelPath(name, "upload"), new ByteArrayContent(file), Cancelled);
        string body = await response.Content.ReadAsStringAsync(Cancelled);
        Assert.AreEqual(HttpStatusCode.OK, response.StatusCode, body);
        return (string)JsonNode.Parse(body)!["status"]!["receivedDigest"]!;
    }

    // Sends pieces; the process is killed somewhere within one of them. Answers the last offset that was acknowledged.
    private async Task<long> SendUntilKilledAsync(string url, string token, byte[] file, long acknowledged, Process child, Random random)
    {
        using HttpClient client = RunningServer.Client(url, token);
        long offset = await OffsetAsync(client);
        Assert.IsGreaterThanOrEqualTo(acknowledged, offset, "an acknowledged byte was lost");
        int pieces = random.Next(1, 3);
        try
        {
            for (int piece = 1; offset < file.Length - 1; piece++)
            {
                // Short of the end, so that there is something left for every kill.
                int count = (int)Math.Min(random.Next(1, 12_000_000), file.Length - 1 - offset);
                Task<HttpResponseMessage> sending = PatchAsync(client, offset, file.AsMemory((int)offset, count));
                if (piece == pieces)
                {
                    await Task.Delay(TimeSpan.FromMilliseconds(random.Next(0, 60)), TimeProvider.System, Cancelled);
                    child.Kill();
                }

                using HttpResponseMessage response = await sending;
                Assert.AreEqual(HttpStatusCode.NoContent, response.StatusCode, await response.Content.ReadAsStringAsync(Cancelled));
                offset = long.Parse(response.Headers.GetValues("Upload-Offset").Single());
            }
        }
        catch (HttpRequestException)
        {
            // The kill.
        }

        await KillAsync(child);
        return offset;
    }

    private async Task<string> ResumeAsync(string url, string token, byte[] file, long acknowledged)
    {
        using HttpClient client = RunningServer.Client(url, token);
        long offset = await OffsetAsync(client);
        Assert.IsGreaterThanOrEqualTo(acknowledged, offset, "an acknowledged byte was lost");
        using (HttpResponseMessage rest = await PatchAsync(client, offset, file.AsMemory((int)offset)))
        {
            Assert.AreEqual(HttpStatusCode.NoContent, rest.StatusCode, await rest.Content.ReadAsStringAsync(Cancelled));
        }

        (_, JsonObject session) = await RunningServer.SendAsync(client, HttpMethod.Get, RunningServer.ModelPath("stormy", "upload"), null, Cancelled);
        return (string)session["status"]!["receivedDigest"]!;
    }

    private async Task<long> OffsetAsync(HttpClient client)
    {
        using var head = new HttpRequestMessage(HttpMethod.Head, RunningServer.ModelPath("stormy", "upload"));
        head.Headers.Add("Tus-Resumable", "1.0.0");
        using HttpResponseMessage response = await client.SendAsync(head, Cancelled);
        Assert.AreEqual(HttpStatusCode.OK, response.StatusCode);
        return long.Parse(response.Headers.GetValues("Upload-Offset").Single());
    }

    private Task<HttpResponseMessage> PatchAsync(HttpClient client, long offset, ReadOnlyMemory<byte> bytes)
    {
        var patch = new HttpRequestMessage(HttpMethod.Patch, RunningServer.ModelPath("stormy", "upload"))
        {
            Headers = { { "Tus-Resumable", "1.0.0" }, { "Upload-Offset", $"{offset}" } },
            Content = new ReadOnlyMemoryContent(bytes) { Headers = { ContentType = new MediaTypeHeaderValue("application/offset+octet-stream") } },
        };
        return client.SendAsync(patch, Cancelled);
    }
}
