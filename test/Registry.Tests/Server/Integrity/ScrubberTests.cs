using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Integrity;
using AiModels.Registry.Storage;
using AiModels.Registry.Tests.Server.Api;
using AiModels.TestKit;
using Microsoft.Extensions.DependencyInjection;

namespace AiModels.Registry.Tests.Server.Integrity;

[TestClass]
public sealed class ScrubberTests : RegistryTestBase
{
    private static readonly byte[] Content = TestRegistry.RandomBytes(300_000);

    [TestMethod]
    public async Task Scrub_RottenBlob_IsNeverServedAgainAndIsTold()
    {
        await Registry.PushImageAsync(Repo, "model", Content);
        await Registry.PushImageAsync("models/sound", "model", TestRegistry.RandomBytes(1000));
        Rot(Content);

        await ScrubAsync();

        Digest digest = Digest.Sha256Of(Content);
        await ExpectAsync(HttpStatusCode.NotFound, "BLOB_UNKNOWN", await Registry.GetAsync($"/v2/{Repo}/blobs/{digest}"));
        JsonNode lost = JsonNode.Parse(await Registry.Http.GetStringAsync($"/integrity/repositories/{Repo}", Token))!["lost"]!;
        Assert.AreEqual(digest.ToString(), (string?)lost[0]!["digest"]);
        Assert.IsEmpty(JsonNode.Parse(await Registry.Http.GetStringAsync("/integrity/repositories/models/sound", Token))!["lost"]!.AsArray());
        JsonNode all = JsonNode.Parse(await Registry.Http.GetStringAsync("/integrity", Token))!;
        Assert.AreEqual(1, (long)all["scrub"]!["rottenBlobs"]!);
        Assert.Contains("rotted", (string)JsonNode.Parse(await Registry.Http.GetStringAsync($"/inspect/digests/{digest}", Token))!["summary"]!);
    }

    [TestMethod]
    public async Task Push_OfRottenContent_HealsIt()
    {
        await Registry.PushImageAsync(Repo, "model", Content);
        Rot(Content);
        await ScrubAsync();

        await Registry.PushBlobAsync(Repo, Content);
        await ScrubAsync();

        CollectionAssert.AreEqual(Content, await PullAsync(Repo, Digest.Sha256Of(Content)));
        JsonNode all = JsonNode.Parse(await Registry.Http.GetStringAsync("/integrity", Token))!;
        Assert.IsEmpty(all["lost"]!.AsArray());
        Assert.IsFalse(File.Exists(Path.Combine(Registry.StorageFolder, StoragePaths.Quarantined(Digest.Sha256Of(Content)))));
    }

    [TestMethod]
    public async Task Restore_WithAGrantToPull_TakesBackWhatIsLostAndNothingElse()
    {
        Digest lost = Digest.Sha256Of(Content);
        await Registry.PushImageAsync(Repo, "model", Content);
        await Registry.PushImageAsync("models/other", "model", TestRegistry.RandomBytes(1000));
        string address = $"/integrity/repositories/{Repo}?digest={lost}";
        await ExpectAsync(HttpStatusCode.NotFound, "UNSUPPORTED", await RestoreAsync(address, Content, Registry.Grant(Repo, "pull")));
        Rot(Content);
        await ScrubAsync();
        string reader = Registry.Grant(Repo, "pull");

        await ExpectAsync(HttpStatusCode.Unauthorized, "UNAUTHORIZED", await RestoreAsync(address, Content, "nonsense"));
        await ExpectAsync(HttpStatusCode.Forbidden, "DENIED", await RestoreAsync(address, Content, Registry.Grant("models/other", "pull")));
        await ExpectAsync(HttpStatusCode.BadRequest, "DIGEST_INVALID", await RestoreAsync(address, TestRegistry.RandomBytes(Content.Length), reader));
        await ExpectAsync(HttpStatusCode.BadRequest, "DIGEST_INVALID", await RestoreAsync($"/integrity/repositories/{Repo}", Content, reader));
        await ExpectAsync(HttpStatusCode.BadRequest, "SIZE_INVALID", await RestoreAsync(address, Content, reader, isLengthTold: false));
        await ExpectAsync(HttpStatusCode.NotFound, "UNSUPPORTED", await RestoreAsync($"/integrity/repositories/{Repo}?digest={Digest.Sha256Of([1])}", [1], reader));
        await ExpectAsync(HttpStatusCode.NotFound, "UNSUPPORTED", await RestoreAsync($"/integrity/repositories/models/other?digest={lost}", Content, Registry.Grant("models/other", "pull")));
        await ExpectAsync(HttpStatusCode.NotFound, "BLOB_UNKNOWN", await Registry.GetAsync($"/v2/{Repo}/blobs/{lost}"));

        Assert.AreEqual(HttpStatusCode.Created, (await RestoreAsync(address, Content, reader)).StatusCode);
        CollectionAssert.AreEqual(Content, await PullAsync(Repo, lost));
        await ExpectAsync(HttpStatusCode.NotFound, "UNSUPPORTED", await RestoreAsync(address, Content, reader));
    }

    [TestMethod]
    public async Task Manifest_ThatHasRotted_IsMissingToWhoAsksAndIsHealedByAPush()
    {
        Digest digest = await Registry.PushImageAsync(Repo, "model", Content);
        File.Delete(PathOf(StoragePaths.Spare(digest)));
        Rot(TestRegistry.Image(Content));
        await ScrubAsync();

        string path = $"/v2/{Repo}/manifests/{digest}";
        await ExpectAsync(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN", await Registry.GetAsync(path));
        Assert.AreEqual(HttpStatusCode.NotFound, (await Registry.SendAsync(HttpMethod.Head, path)).StatusCode, "a client that pushes asks first, and must send it again");

        await Registry.PushImageAsync(Repo, "model", Content);
        Assert.AreEqual(HttpStatusCode.OK, (await Registry.SendAsync(HttpMethod.Head, path)).StatusCode);
        CollectionAssert.AreEqual(TestRegistry.Image(Content), await Registry.Http.GetByteArrayAsync(path, Token));
    }

    [TestMethod]
    public async Task Scrub_RottenManifestAndConfig_AreWholeAgainFromTheirSecondCopies()
    {
        byte[] config = TestRegistry.RandomBytes(500), manifest = TestRegistry.Image(image => image["config"] = TestRegistry.Descriptor(MediaTypes.OctetStream, config), Content);
        await Registry.PushBlobAsync(Repo, Content);
        await Registry.PushBlobAsync(Repo, config);
        await ExpectAsync(HttpStatusCode.Created, null, await Registry.PutManifestAsync(Repo, "model", manifest));
        long before = await StoredBytesAsync();

        // Twice: a copy that was used is there again for the next time.
        for (int round = 0; round < 2; round++)
        {
            Rot(manifest);
            Rot(config);
            await ScrubAsync();

            CollectionAssert.AreEqual(manifest, await Registry.Http.GetByteArrayAsync($"/v2/{Repo}/manifests/model", Token));
            CollectionAssert.AreEqual(config, await PullAsync(Repo, Digest.Sha256Of(config)));
            JsonNode all = JsonNode.Parse(await Registry.Http.GetStringAsync("/integrity", Token))!;
            Assert.AreEqual(2 * (round + 1), (long)all["scrub"]!["rottenBlobs"]!, "it is told nevertheless");
            Assert.IsEmpty(all["lost"]!.AsArray());
        }

        Assert.AreEqual(before, await StoredBytesAsync(), "what is kept twice for safety takes nothing of the limit");
    }

    [TestMethod]
    public async Task Get_RottenManifest_IsWholeAgainBeforeItIsSent()
    {
        byte[] manifest = TestRegistry.Image(Content);
        Digest digest = await Registry.PushImageAsync(Repo, "model", Content);
        Rot(manifest);

        CollectionAssert.AreEqual(manifest, await Registry.Http.GetByteArrayAsync($"/v2/{Repo}/manifests/model", Token));

        File.Delete(PathOf(StoragePaths.Spare(digest)));
        Rot(manifest);
        await ExpectAsync(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN", await Registry.GetAsync($"/v2/{Repo}/manifests/model"));
        Assert.AreEqual(1, (long)JsonNode.Parse(await Registry.Http.GetStringAsync("/integrity", Token))!["missing"]!);
    }

    [TestMethod]
    public async Task Get_RottenManifestThatIsLarge_NeverEndsWellAndIsWholeTheNextTime()
    {
        byte[] manifest = TestRegistry.Image(image => image["annotations"] = new JsonObject { ["text"] = new string('x', 200_000) }, Content);
        await Registry.PushImageAsync(Repo, "other", Content);
        await ExpectAsync(HttpStatusCode.Created, null, await Registry.PutManifestAsync(Repo, "model", manifest));
        Rot(manifest);

        await Assert.ThrowsAsync<HttpRequestException>(() => Registry.Http.GetByteArrayAsync($"/v2/{Repo}/manifests/model", Token), "it was cut off");

        CollectionAssert.AreEqual(manifest, await Registry.Http.GetByteArrayAsync($"/v2/{Repo}/manifests/model", Token));
    }

    [TestMethod]
    public async Task Scrub_AfterItWasKilledBetweenQuarantineAndRestoring_UsesTheSecondCopy()
    {
        byte[] manifest = TestRegistry.Image(Content);
        Digest digest = await Registry.PushImageAsync(Repo, "model", Content);
        Directory.CreateDirectory(Path.GetDirectoryName(PathOf(StoragePaths.Quarantined(digest)))!);
        File.Move(PathOf(StoragePaths.Blob(digest)), PathOf(StoragePaths.Quarantined(digest)));

        await ScrubAsync();

        CollectionAssert.AreEqual(manifest, await Registry.Http.GetByteArrayAsync($"/v2/{Repo}/manifests/{digest}", Token));
        Assert.IsFalse(File.Exists(PathOf(StoragePaths.Quarantined(digest))));
    }

    [TestMethod]
    public async Task Scrub_WhenItsOwnNoteHasRotted_BeginsAnew()
    {
        await Registry.PushBlobAsync(Repo, Content);
        await ScrubAsync();
        await File.WriteAllTextAsync(PathOf(StoragePaths.ScrubState), "\u0001{", Token);
        Rot(Content);

        await ScrubAsync();

        Assert.AreEqual(1, (long)JsonNode.Parse(await Registry.Http.GetStringAsync("/integrity", Token))!["missing"]!);
    }

    [TestMethod]
    public async Task Scrub_RottenSecondCopy_IsMadeAgainAndNeverUsed()
    {
        Digest digest = await Registry.PushImageAsync(Repo, "model", Content);
        byte[] manifest = TestRegistry.Image(Content);
        RotFile(PathOf(StoragePaths.Spare(digest)));
        await ScrubAsync();
        CollectionAssert.AreEqual(manifest, await File.ReadAllBytesAsync(PathOf(StoragePaths.Spare(digest)), Token));

        RotFile(PathOf(StoragePaths.Spare(digest)));
        Rot(manifest);
        await ScrubAsync();
        await ExpectAsync(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN", await Registry.GetAsync($"/v2/{Repo}/manifests/{digest}"));
    }

    [TestMethod]
    public async Task Scrub_AfterARestart_GoesOnAtItsCursor()
    {
        byte[][] contents = [.. Enumerable.Range(0, 6).Select(_ => TestRegistry.RandomBytes(100))];
        foreach (byte[] content in contents)
        {
            await Registry.PushBlobAsync(Repo, content);
        }

        byte[][] ordered = [.. contents.OrderBy(content => Digest.Sha256Of(content).Hex, StringComparer.Ordinal)];
        Rot(ordered[0]);
        Rot(ordered[5]);
        var state = new ScrubState { Cursor = StoragePaths.Blob(Digest.Sha256Of(ordered[2])), PassStartedAt = Registry.Clock.GetUtcNow(), CheckedBlobs = 3 };
        Directory.CreateDirectory(Path.Combine(Registry.StorageFolder, "scrub"));
        await File.WriteAllTextAsync(Path.Combine(Registry.StorageFolder, "scrub", "state"), System.Text.Json.JsonSerializer.Serialize(state, RegistryJson.Default.ScrubState), Token);

        Scrubber scrubber = Scrubber();
        await scrubber.RunAsync(Token);
        ScrubState first = (await scrubber.ReadStateAsync(Token))!;
        Assert.AreEqual(6, first.CheckedBlobs);
        Assert.AreEqual(1, first.RottenBlobs, "what lies before the cursor was read before the restart");

        Registry.Clock.Shift += TimeSpan.FromDays(8);
        await scrubber.RunAsync(Token);
        Assert.AreEqual(2, (await scrubber.ReadStateAsync(Token))!.RottenBlobs);
    }

    [TestMethod]
    public async Task Pace_BeyondTheRate_WaitsForTheClock()
    {
        var clock = new ManualClock();
        var pace = new Pace(1_000_000, clock);
        await pace.SpendAsync(10_000, Token);
        Task wait = pace.SpendAsync(990_000, Token).AsTask();
        Assert.IsFalse(wait.IsCompleted);
        clock.Advance(TimeSpan.FromSeconds(1));
        await wait;
    }

    private Task<HttpResponseMessage> RestoreAsync(string address, byte[] content, string grant, bool isLengthTold = true) =>
        Registry.SendAsync(HttpMethod.Put, address, isLengthTold ? new ByteArrayContent(content) : JsonContent.Create(content), grant);

    private async Task ScrubAsync()
    {
        Registry.Clock.Shift += TimeSpan.FromDays(8);
        await Scrubber().RunAsync(Token);
    }

    /// <summary>By hand: the one in the background is switched off, and must not take part.</summary>
    private Scrubber Scrubber()
    {
        Registry.Services.GetRequiredService<RegistryOptions>().ScrubRate = 1L << 40;
        return Registry.Services.GetRequiredService<Scrubber>();
    }

    private async Task<long> StoredBytesAsync() => (long)JsonNode.Parse(await Registry.Http.GetStringAsync("/capacity", Token))!["storedBytes"]!;

    private string PathOf(string path) => Path.Combine(Registry.StorageFolder, path);

    private void Rot(byte[] content) => RotFile(PathOf(StoragePaths.Blob(Digest.Sha256Of(content))));

    private static void RotFile(string file)
    {
        byte[] rotten = File.ReadAllBytes(file);
        rotten[rotten.Length / 2] ^= 1;
        File.WriteAllBytes(file, rotten);
    }
}
