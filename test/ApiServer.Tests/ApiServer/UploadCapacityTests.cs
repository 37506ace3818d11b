using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;

namespace AiModels.ApiServer.Tests.ApiServer;

/// <summary>Uploads into a registry that may store 1 MiB (requirements P9, Q3).</summary>
[TestClass]
public sealed class UploadCapacityTests
{
    private const int Limit = 1024 * 1024;

    private static RunningServer _server = null!;
    private string _name = "";

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Cancelled => TestContext.CancellationToken;

    private string Path => RunningServer.ModelPath(_name, "upload");

    [ClassInitialize]
    public static async Task StartAsync(TestContext _) => _server = await RunningServer.StartAsync(capacityLimit: Limit);

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
    public async Task Put_BeyondTheLimit_IsRefusedWithTheBytesAndTheSameTokenWorksForLess()
    {
        using HttpClient uploader = _server.Client(await _server.OpenSessionAsync(_name, Cancelled));

        using HttpResponseMessage refused = await PutAsync(uploader, Content(3 * Limit));
        string answer = await refused.Content.ReadAsStringAsync(Cancelled);
        Assert.AreEqual(HttpStatusCode.InsufficientStorage, refused.StatusCode, answer);
        Assert.AreEqual("InsufficientStorage", (string?)JsonNode.Parse(answer)!["reason"]);
        Assert.Contains($"{3 * Limit} bytes", answer);
        Assert.Contains($"{Limit} bytes", answer);

        using HttpResponseMessage taken = await PutAsync(uploader, Content(200_000));
        Assert.AreEqual(HttpStatusCode.OK, taken.StatusCode, await taken.Content.ReadAsStringAsync(Cancelled));
        Assert.AreEqual(0, await ReservedAsync(), "what is not needed is given back");
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Put_WithoutALength_IsAskedForIt()
    {
        using HttpClient uploader = _server.Client(await _server.OpenSessionAsync(_name, Cancelled));
        using var request = new HttpRequestMessage(HttpMethod.Put, Path + "?filename=a.gguf") { Content = new StreamContent(new MemoryStream(Content(1000))) };
        request.Headers.TransferEncodingChunked = true;
        using HttpResponseMessage response = await uploader.SendAsync(request, Cancelled);
        Assert.AreEqual(HttpStatusCode.LengthRequired, response.StatusCode);
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Patch_HoldsRoomForTheRestAndAbortGivesItBack()
    {
        using HttpClient uploader = _server.Client(await _server.OpenSessionAsync(_name, Cancelled, """{"spec":{"fileName":"a.gguf","lengthBytes":500000}}"""));
        using var request = new HttpRequestMessage(HttpMethod.Patch, Path) { Content = new ByteArrayContent(Content(100_000)) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/offset+octet-stream");
        request.Headers.Add("Tus-Resumable", "1.0.0");
        request.Headers.Add("Upload-Offset", "0");
        using HttpResponseMessage patched = await uploader.SendAsync(request, Cancelled);
        Assert.AreEqual(HttpStatusCode.NoContent, patched.StatusCode, await patched.Content.ReadAsStringAsync(Cancelled));
        Assert.AreEqual(400_000, await ReservedAsync());

        using HttpResponseMessage aborted = await uploader.DeleteAsync(Path, Cancelled);
        Assert.AreEqual(HttpStatusCode.NoContent, aborted.StatusCode);
        Assert.AreEqual(0, await ReservedAsync());
    }

    private static byte[] Content(int length)
    {
        byte[] content = new byte[length];
        new Random(length).NextBytes(content);
        "GGUF"u8.CopyTo(content);
        return content;
    }

    private Task<HttpResponseMessage> PutAsync(HttpClient uploader, byte[] content)
    {
        var request = new HttpRequestMessage(HttpMethod.Put, Path + "?filename=a.gguf") { Content = new ByteArrayContent(content) };
        request.Headers.ExpectContinue = true;
        return uploader.SendAsync(request, Cancelled);
    }

    private async Task<long> ReservedAsync()
    {
        using var http = new HttpClient { BaseAddress = new Uri(_server.RegistryUrl) };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", _server.Grant("models/any"));
        return (long)JsonNode.Parse(await http.GetStringAsync("/capacity", Cancelled))!["reservedBytes"]!;
    }
}
