using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using AiModels.ApiServer.Uploads;
using AiModels.ModelPack.Chunking;
using AiModels.TestKit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AiModels.ApiServer.Tests.ApiServer;

/// <summary>The tus 1.0 protocol (https://tus.io/protocols/resumable-upload), rule by rule, over sockets.</summary>
[TestClass]
public sealed class TusTests
{
    private const long Maximum = 3L << 40;
    private static readonly CapturedLog Log = new();
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
        _server = await RunningServer.StartAsync(
            configure: services => services.AddSingleton<TimeProvider>(_clock).AddSingleton<ILoggerProvider>(Log),
            options: options => options.MaxUploadSize = Maximum);
    }

    [ClassCleanup]
    public static async Task StopAsync() => await _server.DisposeAsync();

    [TestInitialize]
    public async Task CreateModelAsync()
    {
        _name = "t-" + Guid.NewGuid().ToString("N")[..12];
        await _server.CreateModelAsync(_name, """{"upload":{}}""", Cancelled);
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Options_WithoutAToken_TellsTheAbilities()
    {
        using HttpClient nobody = _server.Client("");
        nobody.DefaultRequestHeaders.Authorization = null;

        using HttpResponseMessage answer = await SendAsync(nobody, HttpMethod.Options);

        Assert.AreEqual(HttpStatusCode.NoContent, answer.StatusCode);
        Assert.AreEqual("1.0.0", Header(answer, "Tus-Version"));
        Assert.AreEqual("creation,creation-defer-length,checksum,expiration,termination", Header(answer, "Tus-Extension"));
        Assert.AreEqual($"{Maximum}", Header(answer, "Tus-Max-Size"));
        Assert.AreEqual("sha1,sha256", Header(answer, "Tus-Checksum-Algorithm"));
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task EveryAnswer_NamesTheVersion_ErrorsToo()
    {
        using HttpClient client = await OpenAsync(), wrong = _server.Client("aimu-wrong");

        foreach ((HttpClient who, HttpMethod method) in new[] { (client, HttpMethod.Get), (client, HttpMethod.Patch), (wrong, HttpMethod.Head), (client, HttpMethod.Put), (client, HttpMethod.Trace) })
        {
            using HttpResponseMessage answer = await SendAsync(who, method);
            Assert.AreEqual("1.0.0", Header(answer, "Tus-Resumable"), $"{method}: {answer.StatusCode}");
        }
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task AnotherVersion_Is412_WithOurs()
    {
        using HttpClient client = await OpenAsync();
        foreach (HttpMethod method in new[] { HttpMethod.Post, HttpMethod.Head, HttpMethod.Patch, HttpMethod.Delete })
        {
            using HttpResponseMessage answer = await SendAsync(client, method, null, ("Tus-Resumable", "0.2.2"));
            Assert.AreEqual(HttpStatusCode.PreconditionFailed, answer.StatusCode, $"{method}");
            Assert.AreEqual("1.0.0", Header(answer, "Tus-Version"));
        }

        using HttpResponseMessage still = await TusAsync(client, HttpMethod.Head, null);
        Assert.AreEqual(HttpStatusCode.OK, still.StatusCode, "none of them was processed");
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Patch_WithoutTusResumable_Is412()
    {
        using HttpClient client = await OpenAsync();

        using HttpResponseMessage answer = await SendAsync(client, HttpMethod.Patch, Piece("GGUF"u8.ToArray()), ("Upload-Offset", "0"));

        Assert.AreEqual(HttpStatusCode.PreconditionFailed, answer.StatusCode);
        StringAssert.Contains(await answer.Content.ReadAsStringAsync(Cancelled), "send Tus-Resumable: 1.0.0");
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    [DataRow(null, null, 400, "Upload-Length is missing")]
    [DataRow(null, "2", 400, "Upload-Defer-Length is '2'")]
    [DataRow("5", "1", 400, "both given")]
    [DataRow("-5", null, 400, "whole number")]
    [DataRow("0", null, 422, "empty")]
    [DataRow("3298534883329", null, 413, "--max-upload-size")]
    [DataRow("3298534883328", null, 201, "")]
    [DataRow(null, "1", 201, "")]
    public async Task Creation_WantsALengthOrItsPromise(string? length, string? defer, int code, string message)
    {
        using HttpResponseMessage answer = await TusAsync(_server.Admin, HttpMethod.Post, null, [("Upload-Length", length), ("Upload-Defer-Length", defer)]);

        Assert.AreEqual(code, (int)answer.StatusCode);
        StringAssert.Contains(await answer.Content.ReadAsStringAsync(Cancelled), message);
        if (code == 201)
        {
            Assert.AreEqual(Path, answer.Headers.Location!.ToString(), "relative: the client may have come through kube-apiserver");
            Assert.AreEqual("0", Header(answer, "Upload-Offset"));
            Assert.AreEqual(defer, Header(answer, "Upload-Defer-Length"));
            Assert.AreEqual(_clock.GetUtcNow().AddMinutes(30).ToString("R"), Header(answer, "Upload-Expires"));
        }
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Creation_OfAnotherFileWhileOneIsUnderWay_IsRefused()
    {
        using HttpClient client = await OpenAsync();
        using HttpResponseMessage begun = await TusAsync(client, HttpMethod.Patch, 0, Piece(Gguf(600)), ("Upload-Length", "1000"));
        Assert.AreEqual(HttpStatusCode.NoContent, begun.StatusCode);

        using HttpResponseMessage same = await TusAsync(client, HttpMethod.Post, null, ("Upload-Length", "1000"));
        using HttpResponseMessage other = await TusAsync(client, HttpMethod.Post, null, ("Upload-Length", "2000"));

        Assert.AreEqual(HttpStatusCode.Created, same.StatusCode);
        Assert.AreEqual("600", Header(same, "Upload-Offset"));
        Assert.AreEqual(HttpStatusCode.Conflict, other.StatusCode);
        StringAssert.Contains(await other.Content.ReadAsStringAsync(Cancelled), "an upload of 1000 bytes is under way and stands at 600");
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Patch_AtAnotherOffset_IsAConflict_WithTheRightOneInAHeader()
    {
        using HttpClient client = await OpenAsync("""{"spec":{"lengthBytes":1000}}""");
        using HttpResponseMessage first = await TusAsync(client, HttpMethod.Patch, 0, Piece(Gguf(600)));
        using HttpResponseMessage wrong = await TusAsync(client, HttpMethod.Patch, 700, Piece(new byte[10]));

        Assert.AreEqual(HttpStatusCode.Conflict, wrong.StatusCode);
        Assert.AreEqual("600", Header(wrong, "Upload-Offset"));
        Assert.AreEqual("1000", Header(wrong, "Upload-Length"));
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task LastPatchAgain_WithoutALength_ShowsItsSuccess()
    {
        byte[] file = Gguf(1000);
        using HttpClient client = await OpenAsync("""{"spec":{"lengthBytes":1000}}""");
        for (int i = 0; i < 2; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Patch, Path) { Content = new StreamContent(new MemoryStream(file)) };
            request.Headers.TransferEncodingChunked = true;
            request.Headers.Add("Tus-Resumable", "1.0.0");
            request.Headers.Add("Upload-Offset", "0");
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/offset+octet-stream");
            using HttpResponseMessage answer = await client.SendAsync(request, Cancelled);
            Assert.AreEqual(HttpStatusCode.NoContent, answer.StatusCode, $"time {i}: {await answer.Content.ReadAsStringAsync(Cancelled)}");
        }
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Checksum_ThatIsWrong_KeepsNothingOfThePiece()
    {
        byte[] file = Gguf(1000);
        using HttpClient client = await OpenAsync("""{"spec":{"lengthBytes":1000,"fileName":"a.gguf"}}""");

        async Task<HttpResponseMessage> PatchAsync(int offset, string checksum) =>
            await TusAsync(client, HttpMethod.Patch, offset, Piece(file[offset..]), ("Upload-Checksum", checksum));

        using HttpResponseMessage wrong = await PatchAsync(0, "sha1 " + Convert.ToBase64String(new byte[20]));
        using HttpResponseMessage unknown = await PatchAsync(0, "crc32 " + Convert.ToBase64String(new byte[4]));
        using HttpResponseMessage malformed = await PatchAsync(0, "sha256 xyz");
        Assert.AreEqual(460, (int)wrong.StatusCode);
        Assert.AreEqual("0", Header(wrong, "Upload-Offset"));
        Assert.AreEqual(HttpStatusCode.BadRequest, unknown.StatusCode);
        Assert.AreEqual(HttpStatusCode.BadRequest, malformed.StatusCode);

        using HttpResponseMessage right = await PatchAsync(0, "sha256 " + Convert.ToBase64String(SHA256.HashData(file)));
        Assert.AreEqual(HttpStatusCode.NoContent, right.StatusCode, await right.Content.ReadAsStringAsync(Cancelled));
        Assert.AreEqual("1000", Header(right, "Upload-Offset"));
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Checksum_OfALongPiece_IsRefusedBeforeItIsHeld()
    {
        using HttpClient client = await OpenAsync();
        byte[] piece = Gguf(UploadChecksum.LongestBody + 1);

        using HttpResponseMessage answer = await TusAsync(client, HttpMethod.Patch, 0, Piece(piece), ("Upload-Checksum", "sha1 " + Convert.ToBase64String(new byte[20])));

        Assert.AreEqual(HttpStatusCode.RequestEntityTooLarge, answer.StatusCode);
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task MethodOverride_IsTheMethodThatCounts()
    {
        using HttpClient client = await OpenAsync("""{"spec":{"lengthBytes":1000}}""");

        using HttpResponseMessage answer = await TusAsync(client, HttpMethod.Post, 0, Piece(Gguf(1000)), ("X-HTTP-Method-Override", "PATCH"));

        Assert.AreEqual(HttpStatusCode.NoContent, answer.StatusCode);
        Assert.AreEqual("1000", Header(answer, "Upload-Offset"));
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Token_OfADeletedModel_IsToldThatItIsGone()
    {
        using HttpClient client = await OpenAsync();
        await _server.SendAsync(HttpMethod.Delete, RunningServer.ModelPath(_name), null, Cancelled);
        using HttpResponseMessage deleting = await TusAsync(client, HttpMethod.Patch, 0, Piece(Gguf(10)));

        (_, JsonObject model) = await _server.SendAsync(HttpMethod.Get, RunningServer.ModelPath(_name), null, Cancelled);
        model["metadata"]!.AsObject().Remove("finalizers");
        await _server.SendAsync(HttpMethod.Put, RunningServer.ModelPath(_name), model.ToJsonString(), Cancelled);
        using HttpResponseMessage gone = await TusAsync(client, HttpMethod.Patch, 0, Piece(Gguf(10)));
        using HttpClient forger = _server.Client("aimu-00112233445566778899aabbccddeeff-AAAA");
        using HttpResponseMessage forged = await TusAsync(forger, HttpMethod.Patch, 0, Piece(Gguf(10)));

        Assert.AreEqual(HttpStatusCode.Gone, deleting.StatusCode);
        Assert.AreEqual(HttpStatusCode.Gone, gone.StatusCode);
        StringAssert.Contains(await gone.Content.ReadAsStringAsync(Cancelled), $"the model \\\"{_name}\\\" is deleted");
        Assert.AreEqual(HttpStatusCode.Unauthorized, forged.StatusCode, "whether a model exists is nobody's business");
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Token_OfAnEarlierSession_IsGone_AndOfAnotherModelUnauthorized()
    {
        using HttpClient early = await OpenAsync();
        using HttpResponseMessage ended = await TusAsync(early, HttpMethod.Delete, null);
        using HttpResponseMessage endedAgain = await TusAsync(early, HttpMethod.Delete, null);
        using HttpResponseMessage over = await TusAsync(early, HttpMethod.Head, null);
        using HttpClient late = await OpenAsync();

        using HttpResponseMessage replaced = await TusAsync(early, HttpMethod.Patch, 0, Piece(Gguf(10)));
        await CreateModelAsync();
        await _server.OpenSessionAsync(_name, Cancelled);
        using HttpResponseMessage elsewhere = await TusAsync(late, HttpMethod.Patch, 0, Piece(Gguf(10)));

        Assert.AreEqual(HttpStatusCode.NoContent, ended.StatusCode);
        Assert.AreEqual(HttpStatusCode.NoContent, endedAgain.StatusCode, "the answer may have been lost");
        Assert.AreEqual(HttpStatusCode.Gone, over.StatusCode);
        Assert.AreEqual(HttpStatusCode.Gone, replaced.StatusCode);
        Assert.AreEqual(HttpStatusCode.Unauthorized, elsewhere.StatusCode);
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    [DataRow("1.1")]
    [DataRow("2.0")]
    public async Task ClientThatCutsTheConnection_KeepsItsSession_AndLeavesNoStackTrace(string version)
    {
        using HttpClient client = await OpenAsync("""{"spec":{"lengthBytes":100000000}}""");
        using var letGo = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        using var content = new EndlessBeginning(Gguf(5_000_000), letGo.Token);
        using var request = new HttpRequestMessage(HttpMethod.Patch, Path)
        {
            Content = content,
            Version = Version.Parse(version),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        request.Headers.Add("Tus-Resumable", "1.0.0");
        request.Headers.Add("Upload-Offset", "0");
        content.Headers.ContentType = new MediaTypeHeaderValue("application/offset+octet-stream");
        Task<HttpResponseMessage> sending = client.SendAsync(request, letGo.Token);
        await content.Sent;
        string uid = (string)(await _server.SendAsync(HttpMethod.Get, RunningServer.ModelPath(_name), null, Cancelled)).Body["metadata"]!["uid"]!;
        await Eventually.GetAsync(() => Task.FromResult(_server.Services.GetRequiredService<ActiveUploads>().IsActive(uid)), active => active, "the transfer runs", Cancelled);

        await letGo.CancelAsync();
        await Assert.ThrowsAsync<Exception>(() => sending);
        await Eventually.GetAsync(() => Task.FromResult(_server.Services.GetRequiredService<ActiveUploads>().IsActive(uid)), active => !active, "the transfer ends", Cancelled);
        Assert.IsEmpty(Log.Failures.Where(line => line.Contains(_name, StringComparison.Ordinal) || line.Contains("unhandled", StringComparison.OrdinalIgnoreCase)).ToArray());

        // How much of what was sent the server had read by then is the network's affair; the session goes on behind it.
        using HttpResponseMessage head = await TusAsync(client, HttpMethod.Head, null);
        Assert.AreEqual(HttpStatusCode.OK, head.StatusCode);
        Assert.IsLessThanOrEqualTo(5_000_000, long.Parse(Header(head, "Upload-Offset")!));
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task AnnouncedLengths_OfManyUploads_HoldNoMoreThanWhatCame()
    {
        int before = Segment.InUse;
        for (int i = 0; i < 12; i++)
        {
            await CreateModelAsync();
            using HttpClient client = await OpenAsync();
            using HttpResponseMessage answer = await TusAsync(client, HttpMethod.Patch, 0, Piece(Gguf(600)), ("Upload-Length", $"{64 << 20}"));
            Assert.AreEqual(HttpStatusCode.NoContent, answer.StatusCode);
        }

        // A segment of 2 MiB for each that is parked, however long its chunks will be (here 16 MiB; more is not announced, because room is reserved for it).
        Assert.IsLessThanOrEqualTo(4, Segment.InUse - before);
    }

    private async Task<HttpClient> OpenAsync(string? spec = null) => _server.Client(await _server.OpenSessionAsync(_name, Cancelled, spec));

    private static byte[] Gguf(int length)
    {
        byte[] file = new byte[length];
        new Random(length).NextBytes(file);
        "GGUF"u8.CopyTo(file);
        return file;
    }

    private static ByteArrayContent Piece(byte[] bytes) => new(bytes) { Headers = { ContentType = new MediaTypeHeaderValue("application/offset+octet-stream") } };

    private Task<HttpResponseMessage> TusAsync(HttpClient client, HttpMethod method, long? offset, params (string Name, string? Value)[] headers) =>
        TusAsync(client, method, offset, null, headers);

    private Task<HttpResponseMessage> TusAsync(HttpClient client, HttpMethod method, long? offset, HttpContent? content, params (string Name, string? Value)[] headers) =>
        SendAsync(client, method, content, [("Tus-Resumable", "1.0.0"), ("Upload-Offset", offset?.ToString()), .. headers]);

    private async Task<HttpResponseMessage> SendAsync(HttpClient client, HttpMethod method, HttpContent? content = null, params (string Name, string? Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, Path) { Content = content };
        foreach ((string name, string? value) in headers.Where(header => header.Value is not null))
        {
            request.Headers.Add(name, value);
        }

        return await client.SendAsync(request, Cancelled);
    }

    private static string? Header(HttpResponseMessage answer, string name) => answer.Headers.TryGetValues(name, out IEnumerable<string>? values) ? values.Single() : null;

    /// <summary>Sends its bytes and then nothing, until it is let go.</summary>
    private sealed class EndlessBeginning(byte[] bytes, CancellationToken until) : HttpContent
    {
        private readonly TaskCompletionSource _sent = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Sent => _sent.Task;

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(bytes, until);
            await stream.FlushAsync(until);
            _sent.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, until);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 100_000_000;
            return true;
        }
    }

    /// <summary>Remembers what was logged with an exception, or as an error.</summary>
    private sealed class CapturedLog : ILoggerProvider, ILogger
    {
        private readonly System.Collections.Concurrent.ConcurrentQueue<string> _failures = new();

        public IEnumerable<string> Failures => _failures;

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (logLevel >= LogLevel.Error || exception is not null)
            {
                _failures.Enqueue($"{logLevel}: {formatter(state, exception)} {exception}");
            }
        }

        public void Dispose()
        {
        }
    }
}
