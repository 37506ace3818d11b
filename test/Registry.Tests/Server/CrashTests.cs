using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Storage;
using AiModels.TestKit;

namespace AiModels.Registry.Tests.Server;

/// <summary>
/// Kills the real program (SIGKILL) at random instants while clients push, pull, delete and collect, and checks after each restart that what was acknowledged is
/// there and correct. AIMODELS_CRASH_ROUNDS makes it as long as one wants.
/// </summary>
[TestClass]
public sealed class CrashTests
{
    private static readonly int Rounds = int.TryParse(Environment.GetEnvironmentVariable("AIMODELS_CRASH_ROUNDS"), out int rounds) ? rounds : 5;

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    public async Task Kill_AtRandomInstants_LosesNothingThatWasAcknowledged()
    {
        using var folder = new TemporaryFolder();
        await KillAsync(folder.Combine("store"), Rounds, Token);
        AssertEveryStoredBlobIsWhole(folder.Combine("store"));
        using RegistryProcess last = await RegistryProcess.StartAsync(folder.Combine("store"), Token, "--anonymous", "--capacity-limit", "100Gi", "--gc-interval", "24h");
        await AssertAccountsEqualTheFilesAsync(last.Http, folder.Combine("store"));
    }

    /// <summary>Whatever the kills left: what the ledger says is what lies there, to the byte.</summary>
    private async Task AssertAccountsEqualTheFilesAsync(HttpClient http, string store)
    {
        await Eventually.GetAsync(
            async () => ((long)JsonNode.Parse(await http.GetStringAsync("/capacity", Token))!["storedBytes"]!, BytesBelow(Path.Combine(store, "blobs"), "")),
            pair => pair.Item1 == pair.Item2,
            "stored bytes equal the files",
            Token);
        JsonNode statement = JsonNode.Parse(await http.GetStringAsync("/capacity", Token))!;
        Assert.AreEqual(BytesBelow(Path.Combine(store, "uploads"), "parts"), (long)statement["stagedBytes"]!);
        Assert.AreEqual(0, (long)statement["movingBytes"]!);
    }

    private static long BytesBelow(string folder, string parent) => !Directory.Exists(folder) ? 0 : new DirectoryInfo(folder)
        .EnumerateFiles("*", SearchOption.AllDirectories).Where(file => parent.Length == 0 || file.Directory!.Name == parent).Sum(file => file.Length);

    /// <summary>Kills the registry over a storage again and again, and checks what was acknowledged after each restart.</summary>
    /// <param name="storage">A folder, or <c>s3:BUCKET</c> that the options belong to.</param>
    internal static async Task KillAsync(string storage, int rounds, CancellationToken cancellationToken, params string[] options)
    {
        var random = new Random(20_260_101);
        var journal = new Journal();
        for (int round = 0; round < rounds; round++)
        {
            using RegistryProcess registry = await RegistryProcess.StartAsync(storage, cancellationToken, ["--anonymous", "--gc-interval", "100ms", "--gc-grace", "0", .. options]);
            await journal.CheckAsync(registry.Http, cancellationToken);
            Task[] clients = [.. Enumerable.Range(0, 4).Select(client => Task.Run(() => WorkAsync(registry.Http, journal, round, client), cancellationToken))];

            // Most rounds let a first blob be acknowledged, however slow machine and medium are; from there the instant is the test.
            int before = journal.Seen;
            if (random.Next(5) > 0)
            {
                await Eventually.GetAsync(() => Task.FromResult(journal.Seen), seen => seen > before, "a first blob is acknowledged", cancellationToken);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(600)), TimeProvider.System, cancellationToken);
            await registry.KillAsync();
            await Task.WhenAll(clients);
        }

        using RegistryProcess last = await RegistryProcess.StartAsync(storage, cancellationToken, ["--anonymous", .. options]);
        await journal.CheckAsync(last.Http, cancellationToken);
        Assert.IsGreaterThan(0, journal.Acknowledged);
    }

    private static async Task WorkAsync(HttpClient http, Journal journal, int round, int client)
    {
        var random = new Random((round * 100) + client);
        try
        {
            for (int i = 0; ; i++)
            {
                string repository = $"models/{round}-{client}-{i}";
                byte[] layer = TestRegistry.RandomBytes(random.Next(3) == 0 ? random.Next(3_000_000) : random.Next(5_000));
                await PushAsync(http, repository, "{}"u8.ToArray(), isChunked: false);
                await PushAsync(http, repository, layer, isChunked: random.Next(2) == 0);
                journal.Blob(repository, Digest.Sha256Of(layer));

                byte[] manifest = TestRegistry.Image(layer);
                using var content = new ByteArrayContent(manifest);
                content.Headers.ContentType = new MediaTypeHeaderValue(MediaTypes.OciManifest);
                await AcknowledgedAsync(await http.PutAsync($"/v2/{repository}/manifests/model", content));
                journal.Manifest(repository, Digest.Sha256Of(manifest));

                if (random.Next(4) == 0)
                {
                    journal.Deleting(repository);
                    await AcknowledgedAsync(await http.DeleteAsync($"/repositories/{repository}"));
                    journal.Deleted(repository);
                }
            }
        }
        catch (HttpRequestException)
        {
            // Killed.
        }
    }

    private static async Task PushAsync(HttpClient http, string repository, byte[] content, bool isChunked)
    {
        Digest digest = Digest.Sha256Of(content);
        if (!isChunked)
        {
            await AcknowledgedAsync(await http.PostAsync($"/v2/{repository}/blobs/uploads/?digest={digest}", new ByteArrayContent(content)));
            return;
        }

        HttpResponseMessage opened = await AcknowledgedAsync(await http.PostAsync($"/v2/{repository}/blobs/uploads/", null));
        string location = opened.Headers.Location!.OriginalString;
        await AcknowledgedAsync(await http.PatchAsync(location, new ByteArrayContent(content[..(content.Length / 2)])));
        await AcknowledgedAsync(await http.PutAsync($"{location}?digest={digest}", new ByteArrayContent(content[(content.Length / 2)..])));
    }

    private static async Task<HttpResponseMessage> AcknowledgedAsync(HttpResponseMessage response)
    {
        Assert.IsTrue(response.IsSuccessStatusCode, $"{response.RequestMessage!.Method} {response.RequestMessage.RequestUri}: {response.StatusCode} {await response.Content.ReadAsStringAsync()}");
        return response;
    }

    private static void AssertEveryStoredBlobIsWhole(string store)
    {
        foreach (string file in Directory.EnumerateFiles(Path.Combine(store, "blobs"), "*", SearchOption.AllDirectories))
        {
            Assert.IsTrue(StoragePaths.TryReadBlob(Path.GetRelativePath(store, file), out Digest digest), file);
            Assert.AreEqual(digest, Digest.Sha256Of(File.ReadAllBytes(file)));
        }
    }

    /// <summary>What the registry has acknowledged.</summary>
    private sealed class Journal
    {
        private readonly ConcurrentDictionary<string, List<(string Kind, Digest Digest)>> _repositories = new();
        private readonly ConcurrentDictionary<string, bool> _deleted = new();

        private int _seen;

        /// <summary>Acknowledgements of blobs, also of those that were deleted since.</summary>
        public int Seen => Volatile.Read(ref _seen);

        public int Acknowledged => _repositories.Values.Sum(list => list.Count);

        public void Blob(string repository, Digest digest)
        {
            _repositories.GetOrAdd(repository, _ => []).Add(("blobs", digest));
            Interlocked.Increment(ref _seen);
        }

        public void Manifest(string repository, Digest digest) => _repositories.GetOrAdd(repository, _ => []).Add(("manifests", digest));

        /// <summary>From now on it may be there or not.</summary>
        public void Deleting(string repository) => _repositories.TryRemove(repository, out _);

        public void Deleted(string repository) => _deleted[repository] = true;

        public async Task CheckAsync(HttpClient http, CancellationToken cancellationToken)
        {
            foreach ((string repository, List<(string Kind, Digest Digest)> contents) in _repositories)
            {
                foreach ((string kind, Digest digest) in contents)
                {
                    using HttpResponseMessage response = await http.GetAsync($"/v2/{repository}/{kind}/{digest}", cancellationToken);
                    Assert.AreEqual(HttpStatusCode.OK, response.StatusCode, $"{repository}/{kind}/{digest} was acknowledged");
                    Assert.AreEqual(digest, Digest.Sha256Of(await response.Content.ReadAsByteArrayAsync(cancellationToken)));
                }
            }

            foreach (string repository in _deleted.Keys)
            {
                using HttpResponseMessage response = await http.GetAsync($"/v2/{repository}/manifests/model", cancellationToken);
                Assert.AreEqual(HttpStatusCode.NotFound, response.StatusCode, $"{repository} was deleted");
            }
        }
    }
}
