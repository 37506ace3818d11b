using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using AiModels.ApiServer.Uploads;
using AiModels.Contracts.V1Alpha1;
using AiModels.ModelPack.Client;
using AiModels.ModelPack.Oci;
using AiModels.TestKit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace AiModels.ApiServer.Tests.ApiServer;

/// <summary>Uploads over real sockets into a real registry.</summary>
[TestClass]
public sealed class UploadTests
{
    private static RunningServer _server = null!;
    private static ManualClock _clock = null!;
    private string _name = "";

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Cancelled => TestContext.CancellationToken;

    private string Path => RunningServer.ModelPath(_name, "upload");

    [ClassInitialize]
    public static async Task StartAsync(TestContext _)
    {
        _clock = new ManualClock();
        _server = await RunningServer.StartAsync(configure: services => services.AddSingleton<TimeProvider>(_clock));
    }

    [ClassCleanup]
    public static async Task StopAsync() => await _server.DisposeAsync();

    [TestInitialize]
    public async Task CreateModelAsync()
    {
        _name = "m-" + Guid.NewGuid().ToString("N")[..12];
        await _server.CreateModelAsync(_name, """{"upload":{}}""", TestContext.CancellationToken);
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Create_Twice_AnswersTheSameSession()
    {
        string first = await _server.OpenSessionAsync(_name, Cancelled);
        (_, JsonObject again) = await _server.SendAsync(HttpMethod.Post, Path, """{"kind":"UploadSession","apiVersion":"ai.deckhouse.io/v1alpha1","spec":{"fileName":"a.gguf"}}""", Cancelled);

        Assert.AreEqual(first, (string?)again["status"]!["token"]);
        Assert.AreEqual("Waiting", (string?)again["status"]!["state"]);
        Assert.AreEqual("a.gguf", (string?)again["status"]!["fileName"]);
        Assert.AreEqual(_server.Url + Path, (string?)again["status"]!["url"]);
        Assert.AreEqual("2026-", ((string?)again["status"]!["expiresAt"])![..5]);
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Create_ByTwoAtOnce_KeepsTheAnnouncedName()
    {
        for (int round = 0; round < 20; round++)
        {
            string name = $"{_name}-{round}", path = RunningServer.ModelPath(name, "upload");
            await _server.CreateModelAsync(name, """{"upload":{}}""", Cancelled);
            await Task.WhenAll(_server.SendAsync(HttpMethod.Post, path, "{}", Cancelled), _server.SendAsync(HttpMethod.Post, path, """{"spec":{"fileName":"a.gguf"}}""", Cancelled));

            (_, JsonObject session) = await _server.SendAsync(HttpMethod.Get, path, null, Cancelled);
            Assert.AreEqual("a.gguf", (string?)session["status"]!["fileName"], $"round {round}");
        }
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Create_WithAYamlBody_IsUnderstood()
    {
        (HttpStatusCode code, JsonObject session) = await _server.SendAsync(
            HttpMethod.Post, Path, "apiVersion: ai.deckhouse.io/v1alpha1\nkind: UploadSession\nspec:\n  fileName: w.zip\n  lengthBytes: 5\n", Cancelled);

        Assert.AreEqual(HttpStatusCode.Created, code, session.ToJsonString());
        Assert.AreEqual(5L, (long?)session["status"]!["lengthBytes"]);
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Create_ForAModelFromElsewhere_IsRefused()
    {
        string other = _name + "-url";
        await _server.CreateModelAsync(other, """{"url":"https://huggingface.co/a/b"}""", Cancelled);

        (HttpStatusCode code, JsonObject status) = await _server.SendAsync(HttpMethod.Post, RunningServer.ModelPath(other, "upload"), null, Cancelled);

        Assert.AreEqual(HttpStatusCode.Conflict, code);
        StringAssert.Contains((string)status["message"]!, "spec.source.upload is not set");
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    [DataRow(1)]
    [DataRow(100)]
    [DataRow(16 * 1024 * 1024)]
    [DataRow((16 * 1024 * 1024) + 1)]
    [DataRow(40_000_000)]
    public async Task Put_OfTheWholeFile_StoresItAsTheUploadManifestSays(int extra)
    {
        byte[] file = Gguf(4 + extra);
        using HttpClient client = _server.Client(await _server.OpenSessionAsync(_name, Cancelled));

        JsonObject session = await PutAsync(client, file, "?filename=tiny.gguf");

        Assert.AreEqual("Received", (string?)session["status"]!["state"]);
        Assert.AreEqual(file.Length, (long?)session["status"]!["offsetBytes"]);
        CollectionAssert.AreEqual(file, await ReadBackAsync("tiny.gguf", (string)session["status"]!["receivedDigest"]!));
        Assert.AreEqual("Received", await AnnotationAsync());
        Assert.IsEmpty(await Journal.ChunksAsync((await Journal.FindAsync(await UidAsync(), Cancelled))!.Record, Cancelled));
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Put_WithoutLength_Works()
    {
        byte[] file = Gguf(17_000_000);
        using HttpClient client = _server.Client(await _server.OpenSessionAsync(_name, Cancelled));
        using var request = new HttpRequestMessage(HttpMethod.Put, Path) { Content = new StreamContent(new MemoryStream(file)) };
        request.Headers.TransferEncodingChunked = true;

        using HttpResponseMessage response = await client.SendAsync(request, Cancelled);
        JsonNode session = JsonNode.Parse(await response.Content.ReadAsStringAsync(Cancelled))!;

        Assert.AreEqual(HttpStatusCode.OK, response.StatusCode, session.ToJsonString());
        Assert.AreEqual("model.gguf", (string?)session["status"]!["fileName"], "a name after the content when none was given");
        CollectionAssert.AreEqual(file, await ReadBackAsync("model.gguf", (string)session["status"]!["receivedDigest"]!));
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Put_RepeatedAfterItsAnswerWasLost_ShowsTheSuccess_AndOtherBytesAreRefused()
    {
        byte[] file = Gguf(1000);
        using HttpClient client = _server.Client(await _server.OpenSessionAsync(_name, Cancelled));
        JsonObject first = await PutAsync(client, file, "");

        JsonObject again = await PutAsync(client, file, "");
        (HttpStatusCode other, _) = await TryPutAsync(client, Gguf(1001), "");

        Assert.AreEqual((string?)first["status"]!["receivedDigest"], (string?)again["status"]!["receivedDigest"]);
        Assert.AreEqual(HttpStatusCode.Conflict, other);
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    [DataRow("GGUF and more", "a.zip", "should be a zip archive, but its first bytes are those of a GGUF file")]
    [DataRow("no magic at all", "a.gguf", "should be a GGUF file, but its first bytes are those of something else")]
    [DataRow("GGUF", "a.exe", "has no extension that can be uploaded")]
    [DataRow("GGUF", "../a.gguf", "contains a slash")]
    [DataRow("plain text", null, "neither GGUF nor tar")]
    public async Task Put_OfWrongContent_IsRefused_AndTheSessionStaysUsable(string content, string? name, string message)
    {
        using HttpClient client = _server.Client(await _server.OpenSessionAsync(_name, Cancelled));

        (HttpStatusCode code, JsonObject status) = await TryPutAsync(client, Encoding.ASCII.GetBytes(content), name is null ? "" : "?filename=" + Uri.EscapeDataString(name));

        Assert.AreEqual(HttpStatusCode.UnprocessableEntity, code);
        StringAssert.Contains((string)status["message"]!, message);
        Assert.AreEqual("Received", (string?)(await PutAsync(client, Gguf(500), ""))["status"]!["state"]);
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Put_WithAWrongToken_IsUnauthorized()
    {
        await _server.OpenSessionAsync(_name, Cancelled);
        string other = _name + "-b";
        await _server.CreateModelAsync(other, """{"upload":{}}""", Cancelled);
        using HttpClient wrong = _server.Client("aimu-wrong");
        using HttpClient foreign = _server.Client(await _server.OpenSessionAsync(other, Cancelled));

        Assert.AreEqual(HttpStatusCode.Unauthorized, (await TryPutAsync(wrong, Gguf(10), "")).Code);
        Assert.AreEqual(HttpStatusCode.Unauthorized, (await TryPutAsync(foreign, Gguf(10), "")).Code);
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Token_OpensNothingButItsUpload()
    {
        using HttpClient client = _server.Client(await _server.OpenSessionAsync(_name, Cancelled));

        foreach (string path in new[] { RunningServer.ModelPath(_name), RunningServer.ModelPath(_name, "grant"), RunningServer.ModelPath(_name, "progress") })
        {
            Assert.AreEqual(HttpStatusCode.Unauthorized, (await RunningServer.SendAsync(client, HttpMethod.Get, path, null, Cancelled)).Code, path);
        }

        Assert.AreEqual(HttpStatusCode.Unauthorized, (await RunningServer.SendAsync(client, HttpMethod.Post, Path, null, Cancelled)).Code, "create is for users");
        Assert.AreEqual(HttpStatusCode.OK, (await RunningServer.SendAsync(client, HttpMethod.Get, Path, null, Cancelled)).Code);
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Put_OfAnotherLengthThanAnnounced_IsRefused()
    {
        using HttpClient client = _server.Client(await _server.OpenSessionAsync(_name, Cancelled, """{"spec":{"lengthBytes":20}}"""));

        (HttpStatusCode code, JsonObject status) = await TryPutAsync(client, Gguf(21), "");

        Assert.AreEqual(HttpStatusCode.BadRequest, code);
        Assert.AreEqual("the session announced 20 bytes, the request has 21", (string?)status["message"]);
        Assert.AreEqual(HttpStatusCode.UnprocessableEntity, (await TryPutAsync(client, [], "")).Code, "an empty file");
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Put_WhoseBodyEndsEarly_KeepsWhatArrived_AndGoesOnFromThere()
    {
        byte[] file = Gguf(20_000_000);
        string token = await _server.OpenSessionAsync(_name, Cancelled);
        await BreakOffAsync(token, file, 18_000_000);
        using HttpClient client = _server.Client(token);
        long offset = await HeadUntilAsync(client, 18_000_000);

        using var rest = new HttpRequestMessage(HttpMethod.Put, Path) { Content = new ByteArrayContent(file[(int)offset..]) };
        rest.Content.Headers.ContentRange = new ContentRangeHeaderValue(offset, file.Length - 1, file.Length);
        using HttpResponseMessage response = await client.SendAsync(rest, Cancelled);
        JsonNode session = JsonNode.Parse(await response.Content.ReadAsStringAsync(Cancelled))!;

        Assert.AreEqual(HttpStatusCode.OK, response.StatusCode, session.ToJsonString());
        CollectionAssert.AreEqual(file, await ReadBackAsync("model.gguf", (string)session["status"]!["receivedDigest"]!));
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Tus_InPiecesOfAnySize_GivesTheDigestOfASinglePut()
    {
        byte[] file = Gguf(37_000_000);
        using HttpClient client = _server.Client(await _server.OpenSessionAsync(_name, Cancelled));
        var random = new Random(7);
        int offset = 0;
        using (HttpResponseMessage created = await TusAsync(client, HttpMethod.Post, null, null, ("Upload-Length", $"{file.Length}"), ("Upload-Metadata", "filename " + Convert.ToBase64String("t.gguf"u8))))
        {
            Assert.AreEqual(HttpStatusCode.Created, created.StatusCode);
            Assert.AreEqual(_server.Url + Path, created.Headers.Location!.ToString());
        }

        while (offset < file.Length)
        {
            int count = Math.Min(offset == 0 ? 100 : random.Next(1, 6_000_000), file.Length - offset);
            using HttpResponseMessage patched = await TusAsync(client, HttpMethod.Patch, offset, file.AsMemory(offset, count));
            Assert.AreEqual(HttpStatusCode.NoContent, patched.StatusCode, await patched.Content.ReadAsStringAsync(Cancelled));
            offset += count;
            Assert.AreEqual($"{offset}", patched.Headers.GetValues("Upload-Offset").Single());
            if (random.Next(3) == 0)
            {
                // As after a restart: nothing in memory helps.
                await _server.Services.GetRequiredService<ParkedTransfers>().DropAsync(await UidAsync());
            }
        }

        StoredUpload upload = (await Journal.FindAsync(await UidAsync(), Cancelled))!;
        Assert.AreEqual(UploadStates.Received, upload.Record.State);
        CollectionAssert.AreEqual(file, await ReadBackAsync("t.gguf", upload.Record.ReceivedDigest!));

        string twin = _name + "-twin";
        await _server.CreateModelAsync(twin, """{"upload":{}}""", Cancelled);
        using HttpClient other = _server.Client(await _server.OpenSessionAsync(twin, Cancelled));
        _name = twin;
        Assert.AreEqual(upload.Record.ReceivedDigest, (string?)(await PutAsync(other, file, "?filename=t.gguf"))["status"]!["receivedDigest"]);
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Tus_KeepsItsRules()
    {
        using HttpClient client = _server.Client(await _server.OpenSessionAsync(_name, Cancelled, """{"spec":{"lengthBytes":1000,"fileName":"a.gguf"}}"""));
        byte[] file = Gguf(1000);
        using (HttpResponseMessage first = await TusAsync(client, HttpMethod.Patch, 0, file.AsMemory(0, 600)))
        {
            Assert.AreEqual(HttpStatusCode.NoContent, first.StatusCode);
        }

        using (HttpResponseMessage head = await TusAsync(client, HttpMethod.Head, null, null))
        {
            Assert.AreEqual("600", head.Headers.GetValues("Upload-Offset").Single());
            Assert.AreEqual("1000", head.Headers.GetValues("Upload-Length").Single());
            Assert.AreEqual("no-store", head.Headers.CacheControl!.ToString());
        }

        async Task<HttpStatusCode> CodeAsync(long? offset, ReadOnlyMemory<byte> body, string contentType = "application/offset+octet-stream", string version = "1.0.0")
        {
            using HttpResponseMessage response = await TusAsync(client, HttpMethod.Patch, offset, body, contentType, version);
            return response.StatusCode;
        }

        Assert.AreEqual(HttpStatusCode.Conflict, await CodeAsync(500, file.AsMemory(500)));
        Assert.AreEqual(HttpStatusCode.BadRequest, await CodeAsync(null, file.AsMemory(600)));
        Assert.AreEqual(HttpStatusCode.UnsupportedMediaType, await CodeAsync(600, file.AsMemory(600), "application/octet-stream"));
        Assert.AreEqual(HttpStatusCode.PreconditionFailed, await CodeAsync(600, file.AsMemory(600), version: "0.2.2"));
        Assert.AreEqual(HttpStatusCode.RequestEntityTooLarge, await CodeAsync(600, Gguf(401)));
        Assert.AreEqual(HttpStatusCode.NoContent, await CodeAsync(600, file.AsMemory(600)));
        Assert.AreEqual(HttpStatusCode.NoContent, await CodeAsync(600, file.AsMemory(600)), "the last call again");
        Assert.AreEqual(HttpStatusCode.Conflict, await CodeAsync(0, file.AsMemory(0, 10)));
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Tus_WithAWrongBeginningInSmallPieces_StartsOver()
    {
        using HttpClient client = _server.Client(await _server.OpenSessionAsync(_name, Cancelled, """{"spec":{"lengthBytes":1000,"fileName":"a.gguf"}}"""));
        using (HttpResponseMessage small = await TusAsync(client, HttpMethod.Patch, 0, new byte[100]))
        {
            Assert.AreEqual(HttpStatusCode.NoContent, small.StatusCode);
        }

        using (HttpResponseMessage more = await TusAsync(client, HttpMethod.Patch, 100, new byte[900]))
        {
            Assert.AreEqual(HttpStatusCode.UnprocessableEntity, more.StatusCode);
        }

        using HttpResponseMessage right = await TusAsync(client, HttpMethod.Patch, 0, Gguf(1000));
        Assert.AreEqual(HttpStatusCode.NoContent, right.StatusCode, await right.Content.ReadAsStringAsync(Cancelled));
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Delete_Aborts_AndANewSessionHasANewToken()
    {
        string token = await _server.OpenSessionAsync(_name, Cancelled);
        using HttpClient client = _server.Client(token);
        using (HttpResponseMessage some = await TusAsync(client, HttpMethod.Patch, 0, Gguf(600), "application/offset+octet-stream", "1.0.0", ("Upload-Length", "5000")))
        {
            Assert.AreEqual(HttpStatusCode.NoContent, some.StatusCode);
        }

        Assert.AreEqual(HttpStatusCode.NoContent, (await RunningServer.SendAsync(client, HttpMethod.Delete, Path, null, Cancelled)).Code);
        Assert.AreEqual(HttpStatusCode.Gone, (await TryPutAsync(client, Gguf(10), "")).Code);
        Assert.AreEqual("Aborted", await AnnotationAsync());
        string next = await _server.OpenSessionAsync(_name, Cancelled);
        Assert.AreNotEqual(token, next);
        Assert.AreEqual(HttpStatusCode.Gone, (await TryPutAsync(client, Gguf(10), "")).Code);
        using HttpClient again = _server.Client(next);
        Assert.AreEqual("Received", (string?)(await PutAsync(again, Gguf(10), ""))["status"]!["state"]);
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Session_WithoutBytesForItsLife_IsGone_AndCreateOpensANewOne()
    {
        await using RunningServer server = await RunningServer.StartAsync(configure: services => services.AddSingleton<TimeProvider>(_clock));
        await server.CreateModelAsync(_name, """{"upload":{}}""", Cancelled);
        string token = await server.OpenSessionAsync(_name, Cancelled);
        using HttpClient client = server.Client(token);
        _clock.Advance(TimeSpan.FromMinutes(29));
        using (HttpResponseMessage some = await TusAsync(client, HttpMethod.Patch, 0, Gguf(600), "application/offset+octet-stream", "1.0.0", ("Upload-Length", "5000")))
        {
            Assert.AreEqual(HttpStatusCode.NoContent, some.StatusCode);
        }

        _clock.Advance(TimeSpan.FromMinutes(29));
        Assert.AreEqual("Receiving", (string?)(await RunningServer.SendAsync(client, HttpMethod.Get, Path, null, Cancelled)).Body["status"]!["state"]);
        _clock.Advance(TimeSpan.FromMinutes(2));

        using HttpResponseMessage late = await TusAsync(client, HttpMethod.Patch, 600, Gguf(4400));
        Assert.AreEqual(HttpStatusCode.Gone, late.StatusCode);
        Assert.AreEqual("Expired", (string?)(await RunningServer.SendAsync(client, HttpMethod.Get, Path, null, Cancelled)).Body["status"]!["state"]);
        Assert.AreNotEqual(token, await server.OpenSessionAsync(_name, Cancelled));
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task NewerTransfer_TakesOverFromAStuckOne()
    {
        byte[] file = Gguf(5_000_000);
        string token = await _server.OpenSessionAsync(_name, Cancelled);
        using HttpClient stuck = _server.Client(token), client = _server.Client(token);
        using var letGo = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        using var content = new StuckContent(file, 3_000_000, letGo.Token);
        using var request = new HttpRequestMessage(HttpMethod.Put, Path) { Content = content };
        Task<HttpResponseMessage> first = stuck.SendAsync(request, letGo.Token);
        await content.Reached;
        string uid = await UidAsync();
        while (!_server.Services.GetRequiredService<ActiveUploads>().IsActive(uid))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, Cancelled);
        }

        JsonObject session = await PutAsync(client, file, "");

        Assert.AreEqual("Received", (string?)session["status"]!["state"]);
        await letGo.CancelAsync();
        await Assert.ThrowsAsync<Exception>(() => first);
    }

    private UploadJournal Journal => _server.Services.GetRequiredService<UploadJournal>();

    private static byte[] Gguf(int length)
    {
        byte[] file = new byte[length];
        new Random(length).NextBytes(file);
        "GGUF"u8[..Math.Min(4, length)].CopyTo(file);
        return file;
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    [DataRow(0)]
    [DataRow(1)]
    public async Task Patch_AnnouncingALengthThatCannotBe_IsRefused_AndTheSessionStaysUsable(int length)
    {
        using HttpClient client = _server.Client(await _server.OpenSessionAsync(_name, Cancelled));
        using HttpResponseMessage begun = await TusAsync(client, HttpMethod.Patch, 0, "GGUF"u8.ToArray());
        Assert.AreEqual(HttpStatusCode.NoContent, begun.StatusCode);

        using HttpResponseMessage refused = await TusAsync(client, HttpMethod.Patch, 4, "x"u8.ToArray(), ("Upload-Length", $"{length}"));

        Assert.IsTrue(refused.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.UnprocessableEntity, $"{refused.StatusCode}");
        using HttpResponseMessage next = await TusAsync(client, HttpMethod.Patch, 4, "1234"u8.ToArray(), ("Upload-Length", "8"));
        Assert.AreEqual(HttpStatusCode.NoContent, next.StatusCode, await next.Content.ReadAsStringAsync(Cancelled));
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Put_OfARangeWithFewerBytesThanItSays_IsRefused()
    {
        using HttpClient client = _server.Client(await _server.OpenSessionAsync(_name, Cancelled));
        using var content = new StreamContent(new MemoryStream([.. "GGUF"u8, .. new byte[996]]));
        content.Headers.TryAddWithoutValidation("Content-Range", "bytes 0-1999/2000");
        using var request = new HttpRequestMessage(HttpMethod.Put, Path) { Content = content };
        request.Headers.TransferEncodingChunked = true;

        using HttpResponseMessage response = await client.SendAsync(request, Cancelled);

        Assert.AreEqual(HttpStatusCode.BadRequest, response.StatusCode);
        StringAssert.Contains(await response.Content.ReadAsStringAsync(Cancelled), "ended at byte 1000 of 2000");
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    [DataRow("""{"spec":{"lengthBytes":"x"}}""", "spec.lengthBytes")]
    [DataRow("""{"spec":{"lengthBytes":-5}}""", "spec.lengthBytes")]
    [DataRow("""{"spec":{"fileName":5}}""", "spec.fileName")]
    [DataRow("""{"spec":[]}""", "spec")]
    public async Task Create_WithAFieldOfAnotherType_NamesTheField(string body, string field)
    {
        (HttpStatusCode code, JsonObject status) = await _server.SendAsync(HttpMethod.Post, Path, body, Cancelled);

        Assert.AreEqual(HttpStatusCode.UnprocessableEntity, code, status.ToJsonString());
        Assert.AreEqual(field, (string?)status["details"]!["causes"]![0]!["field"]);
        Assert.IsFalse(status.ToJsonString().Contains("System.", StringComparison.Ordinal) || status.ToJsonString().Contains("AiModels.", StringComparison.Ordinal));
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Delete_OfTheModelUnderWay_LeavesNothingBehind()
    {
        string uid = await UidAsync(), token = await _server.OpenSessionAsync(_name, Cancelled);
        byte[] file = [.. "GGUF"u8, .. new byte[40 << 20]];
        using var breakOff = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        using HttpClient client = _server.Client(token);
        using var request = new HttpRequestMessage(HttpMethod.Put, Path) { Content = new StuckContent(file, 20 << 20, breakOff.Token) };
        Task<HttpResponseMessage> sending = client.SendAsync(request, breakOff.Token);
        await HeadUntilAsync(_server.Client(token), 16 << 20);

        UploadJournal journal = _server.Services.GetRequiredService<UploadJournal>();
        UploadChunk chunk = (await journal.ChunksAsync((await journal.FindAsync(uid, Cancelled))!.Record, Cancelled))[0];

        await _server.SendAsync(HttpMethod.Delete, RunningServer.ModelPath(_name), null, Cancelled);
        (_, JsonObject model) = await _server.SendAsync(HttpMethod.Get, RunningServer.ModelPath(_name), null, Cancelled);
        model["metadata"]!.AsObject().Remove("finalizers");
        await _server.SendAsync(HttpMethod.Put, RunningServer.ModelPath(_name), model.ToJsonString(), Cancelled);
        await _server.Services.GetServices<IHostedService>().OfType<UploadSweep>().Single().SweepAsync(Cancelled);

        using RegistryClient registry = _server.Registry("models/" + uid);
        Assert.IsNull(await registry.HeadBlobAsync("models/" + uid, Digest.Parse(chunk.StoredDigest), Cancelled), "the chunk is still in the repository");
        Assert.IsNull(await journal.FindAsync(uid, Cancelled));
        await breakOff.CancelAsync();
        await Task.WhenAny(sending);
    }

    private async Task<JsonObject> PutAsync(HttpClient client, byte[] file, string query)
    {
        (HttpStatusCode code, JsonObject body) = await TryPutAsync(client, file, query);
        Assert.AreEqual(HttpStatusCode.OK, code, body.ToJsonString());
        return body;
    }

    private async Task<(HttpStatusCode Code, JsonObject Body)> TryPutAsync(HttpClient client, byte[] file, string query)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, Path + query) { Content = new ByteArrayContent(file) };
        request.Headers.ExpectContinue = true;
        using HttpResponseMessage response = await client.SendAsync(request, Cancelled);
        return (response.StatusCode, JsonNode.Parse(await response.Content.ReadAsStringAsync(Cancelled))!.AsObject());
    }

    private Task<HttpResponseMessage> TusAsync(HttpClient client, HttpMethod method, long? offset, ReadOnlyMemory<byte>? body, params (string Name, string Value)[] headers) =>
        TusAsync(client, method, offset, body, "application/offset+octet-stream", "1.0.0", headers);

    private async Task<HttpResponseMessage> TusAsync(
        HttpClient client, HttpMethod method, long? offset, ReadOnlyMemory<byte>? body, string contentType, string version, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, Path);
        request.Headers.Add("Tus-Resumable", version);
        if (offset is { } at)
        {
            request.Headers.Add("Upload-Offset", $"{at}");
        }

        foreach ((string name, string value) in headers)
        {
            request.Headers.Add(name, value);
        }

        if (body is { } bytes)
        {
            request.Content = new ReadOnlyMemoryContent(bytes) { Headers = { ContentType = new MediaTypeHeaderValue(contentType) } };
        }

        return await client.SendAsync(request, Cancelled);
    }

    // Announces the whole file, sends the beginning and lets the connection go.
    private async Task BreakOffAsync(string token, byte[] file, int count)
    {
        using HttpClient client = _server.Client(token);
        using var breakOff = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        using var content = new StuckContent(file, count, breakOff.Token);
        using var request = new HttpRequestMessage(HttpMethod.Put, Path) { Content = content };
        Task<HttpResponseMessage> sending = client.SendAsync(request, breakOff.Token);
        await content.Reached;
        await HeadUntilAsync(_server.Client(token), 16 * 1024 * 1024);
        await breakOff.CancelAsync();
        await Assert.ThrowsAsync<OperationCanceledException>(() => sending);
    }

    private async Task<long> HeadUntilAsync(HttpClient client, long offset)
    {
        while (true)
        {
            using HttpResponseMessage head = await TusAsync(client, HttpMethod.Head, null, null);
            if (long.Parse(head.Headers.GetValues("Upload-Offset").Single()) is var now && now >= offset)
            {
                return now;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, Cancelled);
        }
    }

    private async Task<string> UidAsync() =>
        (string)(await _server.SendAsync(HttpMethod.Get, RunningServer.ModelPath(_name), null, Cancelled)).Body["metadata"]!["uid"]!;

    private async Task<string?> AnnotationAsync() =>
        (string?)(await _server.SendAsync(HttpMethod.Get, RunningServer.ModelPath(_name), null, Cancelled)).Body["metadata"]!["annotations"]?["ai.deckhouse.io/upload-state"];

    private async Task<byte[]> ReadBackAsync(string path, string digest)
    {
        string repository = "models/" + await UidAsync();
        using RegistryClient registry = _server.Registry(repository);
        return await UploadedFile.ReadAsync(registry, repository, path, digest, Cancelled);
    }

    /// <summary>Sends the beginning of a file, and then nothing until it is cancelled.</summary>
    private sealed class StuckContent(byte[] file, int count, CancellationToken until) : HttpContent
    {
        private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Reached => _reached.Task;

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(file.AsMemory(0, count), until);
            await stream.FlushAsync(until);
            _reached.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, until);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = file.Length;
            return true;
        }
    }
}
