using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Capacity;
using AiModels.Registry.GarbageCollection;
using AiModels.Registry.Tests.Server.Api;
using Microsoft.Extensions.DependencyInjection;

namespace AiModels.Registry.Tests.Server.Capacity;

/// <summary>A registry with a limit of 1 MiB, and 300 KiB for the namespace team-a (requirements P9, Q7).</summary>
[TestClass]
public sealed class CapacityTests : RegistryTestBase
{
    private const int Limit = 1024 * 1024;
    private const int Quota = 300 * 1024;

    [TestMethod]
    public async Task Push_WithinLimit_CountsEveryByteOnce()
    {
        byte[] content = TestRegistry.RandomBytes(200_000);
        await Registry.PushBlobAsync("models/a", content);
        await Registry.PushBlobAsync("models/b", content);

        JsonNode statement = await StatementAsync();
        Assert.AreEqual(200_000, Number(statement, "storedBytes"));
        Assert.AreEqual(Limit - 200_000, Number(statement, "freeBytes"));
        Assert.AreEqual(Limit, Number(statement, "limitBytes"));
    }

    [TestMethod]
    public async Task Push_BeyondLimit_IsDeniedWithTheBytesAndLeavesNothing()
    {
        await Registry.PushBlobAsync("models/a", TestRegistry.RandomBytes(1_000_000));
        byte[] content = TestRegistry.RandomBytes(100_000);

        HttpResponseMessage response = await Registry.SendAsync(HttpMethod.Post, $"/v2/models/b/blobs/uploads/?digest={Digest.Sha256Of(content)}", new ByteArrayContent(content));

        await ExpectAsync(HttpStatusCode.InsufficientStorage, "DENIED", response);
        string answer = await response.Content.ReadAsStringAsync(Token);
        Assert.Contains("100000 bytes", answer);
        Assert.Contains($"{Limit - 1_000_000} bytes", answer);
        Assert.Contains($"{Limit} bytes", answer);
        await ExpectAsync(HttpStatusCode.NotFound, null, await Registry.GetAsync($"/v2/models/b/blobs/{Digest.Sha256Of(content)}"));
        Assert.AreEqual(0, Number(await StatementAsync(), "movingBytes"));
    }

    [TestMethod]
    public async Task Push_OfUnknownLengthBeyondLimit_StopsAtTheLimitAndTheUploadStaysUsable()
    {
        string location = await OpenUploadAsync();

        HttpResponseMessage refused = await Registry.SendAsync(HttpMethod.Patch, location, new UnannouncedContent(TestRegistry.RandomBytes(3 * Limit)));
        await ExpectAsync(HttpStatusCode.InsufficientStorage, "DENIED", refused);

        byte[] smaller = TestRegistry.RandomBytes(Limit / 2);
        await ExpectAsync(HttpStatusCode.Accepted, null, await Registry.SendAsync(HttpMethod.Patch, location, new UnannouncedContent(smaller)));
        Assert.AreEqual(smaller.Length, Number(await StatementAsync(), "stagedBytes"));
        await ExpectAsync(HttpStatusCode.Created, null, await Registry.SendAsync(HttpMethod.Put, $"{location}?digest={Digest.Sha256Of(smaller)}"));
        JsonNode statement = await StatementAsync();
        Assert.AreEqual(smaller.Length, Number(statement, "storedBytes"));
        Assert.AreEqual(0, Number(statement, "stagedBytes"));
    }

    [TestMethod]
    public async Task Reserve_ThenPushIntoIt_UsesItUpByteForByte()
    {
        await ReserveAsync("models/a", 600_000);
        Assert.AreEqual(600_000, Number(await StatementAsync(), "reservedBytes"));

        // Others cannot have what is promised.
        byte[] other = TestRegistry.RandomBytes(500_000);
        await ExpectAsync(HttpStatusCode.InsufficientStorage, "DENIED", await Registry.SendAsync(HttpMethod.Post, $"/v2/models/b/blobs/uploads/?digest={Digest.Sha256Of(other)}", new ByteArrayContent(other)));

        await Registry.PushBlobAsync("models/a", TestRegistry.RandomBytes(250_000));
        JsonNode statement = await StatementAsync();
        Assert.AreEqual(350_000, Number(statement, "reservedBytes"));
        Assert.AreEqual(250_000, Number(statement, "storedBytes"));
        Assert.AreEqual(Limit - 600_000, Number(statement, "freeBytes"));

        await ExpectAsync(HttpStatusCode.NoContent, null, await Registry.SendAsync(HttpMethod.Delete, "/capacity/reservations/models/a"));
        Assert.AreEqual(Limit - 250_000, Number(await StatementAsync(), "freeBytes"));
    }

    [TestMethod]
    public async Task Reserve_ContentThatOthersHave_UsesThePromiseAndNoRoom()
    {
        byte[] shared = TestRegistry.RandomBytes(300_000);
        await Registry.PushBlobAsync("models/b", shared);
        await ReserveAsync("models/a", 400_000);

        await Registry.PushBlobAsync("models/a", shared);

        JsonNode statement = await StatementAsync();
        Assert.AreEqual(300_000, Number(statement, "storedBytes"));
        Assert.AreEqual(100_000, Number(statement, "reservedBytes"));
    }

    [TestMethod]
    public async Task Reserve_TooMuch_NamesAskedFreeAndLimit()
    {
        await Registry.PushBlobAsync("models/b", TestRegistry.RandomBytes(500_000));

        HttpResponseMessage response = await PutReservationAsync("models/a", 2_000_000);

        await ExpectAsync(HttpStatusCode.InsufficientStorage, "DENIED", response);
        string answer = await response.Content.ReadAsStringAsync(Token);
        Assert.Contains("2000000 bytes", answer);
        Assert.Contains($"{Limit - 500_000} bytes", answer);
        Assert.Contains($"{Limit} bytes", answer);
        await ExpectAsync(HttpStatusCode.NotFound, null, await Registry.GetAsync("/capacity/reservations/models/a"));
    }

    [TestMethod]
    public async Task Reserve_AgainByTheSameHolder_RenewsAndDoesNotAddUp()
    {
        await ReserveAsync("models/a", 600_000);
        await Registry.PushBlobAsync("models/a", TestRegistry.RandomBytes(200_000));
        await ReserveAsync("models/a", 600_000);
        Assert.AreEqual(400_000, Number(await StatementAsync(), "reservedBytes"));
    }

    [TestMethod]
    public async Task Reserve_IncludingStored_AsksOnlyForWhatIsMissing()
    {
        await Registry.PushBlobAsync("models/a", TestRegistry.RandomBytes(700_000));
        await ReserveAsync("models/a", 900_000, includesStored: true);
        Assert.AreEqual(200_000, Number(await StatementAsync(), "reservedBytes"));
    }

    [TestMethod]
    public async Task Reserve_ThatNobodyRenews_Lapses()
    {
        await ReserveAsync("models/a", 600_000);
        Registry.Clock.Shift += TimeSpan.FromMinutes(11);
        Assert.AreEqual(0, Number(await StatementAsync(), "reservedBytes"));
        await Registry.Services.GetRequiredService<ReservationBook>().ExpireAsync(Token);
        Assert.IsEmpty(Directory.Exists(Path.Combine(Registry.StorageFolder, "capacity")) ? Directory.GetFiles(Path.Combine(Registry.StorageFolder, "capacity"), "*", SearchOption.AllDirectories) : []);
    }

    [TestMethod]
    public async Task Restart_RecountsAndKeepsPromises()
    {
        await ReserveAsync("models/a", 600_000);
        await Registry.PushBlobAsync("models/a", TestRegistry.RandomBytes(250_000));
        string location = await OpenUploadAsync();
        await ExpectAsync(HttpStatusCode.Accepted, null, await Registry.SendAsync(HttpMethod.Patch, location, new ByteArrayContent(TestRegistry.RandomBytes(1000))));
        JsonNode before = await StatementAsync();

        await Registry.RestartAsync();
        await Registry.Services.GetRequiredService<CapacityLedger>().Counted.WaitAsync(Token);

        JsonNode after = await StatementAsync();
        foreach (string name in (string[])["storedBytes", "reservedBytes", "stagedBytes", "freeBytes"])
        {
            Assert.AreEqual(Number(before, name), Number(after, name), name);
        }
    }

    [TestMethod]
    public async Task DeleteRepository_GivesItsReservationBack()
    {
        await ReserveAsync("models/a", 600_000);
        await Registry.PushBlobAsync("models/a", TestRegistry.RandomBytes(1000));
        await ExpectAsync(HttpStatusCode.Accepted, null, await Registry.SendAsync(HttpMethod.Delete, "/repositories/models/a"));
        Assert.AreEqual(0, Number(await StatementAsync(), "reservedBytes"));
    }

    [TestMethod]
    public async Task Release_ByAnotherHolder_ChangesNothing()
    {
        await ReserveAsync("models/a", 600_000);
        await Registry.SendAsync(HttpMethod.Delete, "/capacity/reservations/models/a?holder=somebody");
        Assert.AreEqual(600_000, Number(await StatementAsync(), "reservedBytes"));
    }

    [TestMethod]
    public async Task Reserve_BeyondTheNamespacesQuota_IsRefusedAlthoughTheRegistryHasRoom()
    {
        await ReserveAsync("models/a", 200_000, owner: "team-a");
        await Registry.PushBlobAsync("models/a", TestRegistry.RandomBytes(200_000));

        HttpResponseMessage response = await PutReservationAsync("models/c", 150_000, owner: "team-a");

        await ExpectAsync(HttpStatusCode.InsufficientStorage, "DENIED", response);
        string answer = await response.Content.ReadAsStringAsync(Token);
        Assert.Contains("team-a", answer);
        Assert.Contains($"{Quota - 200_000} bytes", answer);
        Assert.Contains($"{Quota} bytes", answer);
        await ExpectAsync(HttpStatusCode.OK, null, await PutReservationAsync("models/d", 150_000, owner: "team-b"));
    }

    [TestMethod]
    public async Task Quota_AfterDeletionAndRestart_IsExact()
    {
        await ReserveAsync("models/a", 200_000, owner: "team-a");
        await Registry.PushBlobAsync("models/a", TestRegistry.RandomBytes(150_000));
        await Registry.PushBlobAsync("models/a", TestRegistry.RandomBytes(50_000));
        await Registry.SendAsync(HttpMethod.Delete, "/capacity/reservations/models/a");
        await Registry.RestartAsync();
        await Registry.Services.GetRequiredService<CapacityLedger>().Counted.WaitAsync(Token);
        Assert.AreEqual(200_000, Number((await StatementAsync())["namespaces"]![0]!, "usedBytes"));

        await ExpectAsync(HttpStatusCode.Accepted, null, await Registry.SendAsync(HttpMethod.Delete, "/repositories/models/a"));
        Assert.AreEqual(0, Number((await StatementAsync())["namespaces"]![0]!, "usedBytes"));
    }

    [TestMethod]
    public async Task Collection_GivesRoomBack()
    {
        await Registry.PushBlobAsync("models/a", TestRegistry.RandomBytes(900_000));
        await Registry.SendAsync(HttpMethod.Delete, "/repositories/models/a");
        Registry.Clock.Shift += TimeSpan.FromHours(1);
        await Registry.Services.GetRequiredService<GarbageCollector>().TryCollectAsync(Token);
        Assert.AreEqual(Limit, Number(await StatementAsync(), "freeBytes"));
    }

    [TestMethod]
    public async Task Reserve_ConcurrentlyByMany_NeverPromisesMoreThanThereIs()
    {
        HttpResponseMessage[] answers = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => PutReservationAsync($"models/r{i}", 100_000)));
        int granted = answers.Count(answer => answer.StatusCode == HttpStatusCode.OK);
        Assert.AreEqual(Limit / 100_000, granted);
        Assert.IsTrue(answers.All(answer => answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.InsufficientStorage));
        Assert.AreEqual(granted * 100_000, Number(await StatementAsync(), "reservedBytes"));
    }

    [TestMethod]
    public async Task Push_OfEqualContentConcurrently_CountsOnceAndMatchesARecount()
    {
        byte[] content = TestRegistry.RandomBytes(60_000);
        HttpResponseMessage[] answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(i =>
            Registry.SendAsync(HttpMethod.Post, $"/v2/models/r{i}/blobs/uploads/?digest={Digest.Sha256Of(content)}", new ByteArrayContent(content))));
        Assert.IsTrue(answers.All(answer => answer.StatusCode == HttpStatusCode.Created));
        Assert.AreEqual(60_000, Number(await StatementAsync(), "storedBytes"));
        Assert.AreEqual(default, await Registry.Services.GetRequiredService<CapacityService>().RecountAsync(Token));
    }

    [TestMethod]
    public async Task Recount_WhileBlobsComeAndGo_CorrectsNothing()
    {
        CapacityService service = Registry.Services.GetRequiredService<CapacityService>();
        using var stop = new CancellationTokenSource();
        Task[] workers = [.. Enumerable.Range(0, 3).Select(worker => Task.Run(() => ChurnAsync(worker, stop.Token), Token))];
        for (int i = 0; i < 30; i++)
        {
            Assert.AreEqual(default, await service.RecountAsync(Token));
        }

        await stop.CancelAsync();
        await Task.WhenAll(workers);
        Assert.AreEqual(default, await service.RecountAsync(Token));
    }

    [TestMethod]
    [DataRow("{\"holder\":\"x\",\"bytes\":-1,\"lifetimeSeconds\":60}", "bytes")]
    [DataRow("{\"holder\":\"x\",\"bytes\":1,\"lifetimeSeconds\":1}", "lifetimeSeconds")]
    [DataRow("{\"holder\":\"\",\"bytes\":1,\"lifetimeSeconds\":60}", "holder")]
    [DataRow("{\"bytes\":1}", "holder")]
    [DataRow("{\"holder\":null,\"bytes\":1,\"lifetimeSeconds\":60}", "holder")]
    [DataRow("{\"holder\":\"x\",\"bytes\":\"many\",\"lifetimeSeconds\":60}", "bytes: the value")]
    [DataRow("{\"holder\":\"x\",\"bytes\":1,\"lifetimeSeconds\":60,\"owner\":{\"kind\":null,\"namespace\":\"a\",\"name\":\"b\"}}", "owner")]
    [DataRow("{\"holder\":\"x\",\"bytes\":1,\"lifetimeSeconds\":60,\"owner\":{}}", "owner: the value")]
    [DataRow("null", "null")]
    [DataRow("nonsense", "")]
    public async Task Reserve_WithABadDocument_SaysWhatIsWrong(string document, string field)
    {
        HttpResponseMessage response = await Registry.SendAsync(HttpMethod.Put, "/capacity/reservations/models/a", new StringContent(document, Encoding.UTF8, "application/json"));
        await ExpectAsync(HttpStatusCode.BadRequest, null, response);
        string answer = await response.Content.ReadAsStringAsync(Token);
        Assert.Contains(field, answer);
        Assert.DoesNotContain("AiModels", answer, "names of our types say nothing to others");
    }

    [TestMethod]
    public async Task Reserve_WithAGrantToPullOnly_IsDenied()
    {
        HttpResponseMessage response = await Registry.SendAsync(
            HttpMethod.Put, "/capacity/reservations/models/a", JsonContent.Create(new { holder = "x", bytes = 1, lifetimeSeconds = 60 }), Registry.Grant("models/a", "pull"));
        await ExpectAsync(HttpStatusCode.Forbidden, "DENIED", response);
    }

    private protected override void Configure(RegistryOptions options) => (options.CapacityLimit, options.NamespaceQuota) = (Limit, [$"team-a={Quota}"]);

    private async Task ChurnAsync(int worker, CancellationToken stop)
    {
        var backend = Registry.Services.GetRequiredService<AiModels.Registry.Storage.Backends.IStorageBackend>();
        for (int i = 0; !stop.IsCancellationRequested; i++)
        {
            Digest digest = await Registry.PushBlobAsync($"models/w{worker}", TestRegistry.RandomBytes(1000 + (i % 7)));
            if (i % 2 == 0)
            {
                await backend.DeleteAsync(AiModels.Registry.Storage.StoragePaths.Blob(digest), CancellationToken.None);
            }
        }
    }

    private async Task ReserveAsync(string repository, long bytes, bool includesStored = false, string? owner = null) =>
        await ExpectAsync(HttpStatusCode.OK, null, await PutReservationAsync(repository, bytes, includesStored, owner));

    private Task<HttpResponseMessage> PutReservationAsync(string repository, long bytes, bool includesStored = false, string? owner = null)
    {
        var document = new JsonObject { ["holder"] = "test", ["bytes"] = bytes, ["includesStored"] = includesStored, ["lifetimeSeconds"] = 600 };
        if (owner is not null)
        {
            document["owner"] = new JsonObject { ["kind"] = "Model", ["namespace"] = owner, ["name"] = repository[7..] };
        }

        return Registry.SendAsync(HttpMethod.Put, $"/capacity/reservations/{repository}", new StringContent(document.ToJsonString(), Encoding.UTF8, "application/json"));
    }

    private async Task<JsonNode> StatementAsync() => JsonNode.Parse(await Registry.Http.GetStringAsync("/capacity", Token))!;

    private static long Number(JsonNode statement, string name) => statement[name]!.GetValue<long>();

    /// <summary>A body whose length the client does not tell.</summary>
    private sealed class UnannouncedContent(byte[] content) : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => stream.WriteAsync(content).AsTask();

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
