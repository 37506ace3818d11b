using System.Net;
using System.Net.Sockets;
using System.Text;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace AiModels.Registry.Tests.Server.Api;

[TestClass]
public class BlobUploadTests : RegistryTestBase
{
    private static readonly byte[] Content = TestRegistry.RandomBytes(1_000_000);
    private static readonly Digest ContentDigest = Digest.Sha256Of(Content);

    [TestMethod]
    public async Task Post_ThenPut_MakesTheBlob()
    {
        string location = await OpenUploadAsync();
        await ExpectAsync(HttpStatusCode.Created, null, await PutAsync(location, ContentDigest, Content));
        CollectionAssert.AreEqual(Content, await PullAsync(Repo, ContentDigest));
        await ExpectAsync(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN", await Registry.GetAsync(location));
        await AssertNoUploadIsLeftAsync();
    }

    [TestMethod]
    public async Task Chunks_InOrder_MakeTheBlob()
    {
        string location = await OpenUploadAsync();
        HttpResponseMessage first = await PatchAsync(location, Content[..400_000], "0-399999");
        await ExpectAsync(HttpStatusCode.Accepted, null, first);
        Assert.AreEqual("0-399999", Header(first, "Range"));
        HttpResponseMessage second = await PatchAsync(Header(first, "Location"), Content[400_000..700_000], "400000-699999");
        Assert.AreEqual("0-699999", Header(second, "Range"));
        await ExpectAsync(HttpStatusCode.Created, null, await PutAsync(location, ContentDigest, Content[700_000..], "700000-999999"));
        CollectionAssert.AreEqual(Content, await PullAsync(Repo, ContentDigest));
        await AssertNoUploadIsLeftAsync();
    }

    [TestMethod]
    public async Task Chunks_AcrossARestart_MakeTheBlob()
    {
        string location = await OpenUploadAsync();
        await PatchAsync(location, Content[..300_000], null);
        await Registry.RestartAsync();
        HttpResponseMessage status = await Registry.GetAsync(location);
        Assert.AreEqual(HttpStatusCode.NoContent, status.StatusCode);
        Assert.AreEqual("0-299999", Header(status, "Range"));
        await PatchAsync(location, Content[300_000..600_000], "300000-599999");
        await Registry.RestartAsync();
        await PatchAsync(location, Content[600_000..], "600000-999999");
        await ExpectAsync(HttpStatusCode.Created, null, await PutAsync(location, ContentDigest, []));
        CollectionAssert.AreEqual(Content, await PullAsync(Repo, ContentDigest));
    }

    [TestMethod]
    [DataRow("1-10")]
    [DataRow("500000-500009")]
    public async Task Chunk_OutOfOrder_Is416WithTheOffset(string range)
    {
        string location = await OpenUploadAsync();
        await PatchAsync(location, Content[..100], "0-99");
        HttpResponseMessage response = await PatchAsync(location, Content[..10], range);
        await ExpectAsync(HttpStatusCode.RequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID", response);
        Assert.AreEqual("0-99", Header(response, "Range"));
        await ExpectAsync(HttpStatusCode.RequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID", await PutAsync(location, ContentDigest, Content[..10], range));
    }

    [TestMethod]
    public async Task Chunk_SentTwice_Is416()
    {
        string location = await OpenUploadAsync();
        await PatchAsync(location, Content[..100], "0-99");
        await ExpectAsync(HttpStatusCode.RequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID", await PatchAsync(location, Content[..100], "0-99"));
    }

    [TestMethod]
    [DataRow("0-5", "SIZE_INVALID")]
    [DataRow("5-0", "BLOB_UPLOAD_INVALID")]
    [DataRow("x-9", "BLOB_UPLOAD_INVALID")]
    [DataRow("bytes 0-9", "BLOB_UPLOAD_INVALID")]
    [DataRow("0-9223372036854775807", "BLOB_UPLOAD_INVALID")]
    [DataRow("0-9, 0-9", "BLOB_UPLOAD_INVALID")]
    [DataRow("0-9/10", "BLOB_UPLOAD_INVALID")]
    public async Task Chunk_WithARangeThatIsNone_Is400(string range, string code)
    {
        string location = await OpenUploadAsync();
        await ExpectAsync(HttpStatusCode.BadRequest, code, await PatchAsync(location, Content[..10], range));
    }

    [TestMethod]
    [DataRow("0-5")]
    [DataRow("0-50")]
    public async Task Chunk_WithoutContentLengthThatIsNotItsRange_IsRefusedAndNotKept(string range)
    {
        string location = await OpenUploadAsync();
        HttpResponseMessage response = await Registry.SendAsync(HttpMethod.Patch, location, new UnmeasuredContent(Content[..10]), null, ("Content-Range", range));
        await ExpectAsync(HttpStatusCode.BadRequest, "SIZE_INVALID", response);
        Assert.AreEqual("0-0", Header(await Registry.GetAsync(location), "Range"));
        await ExpectAsync(HttpStatusCode.Accepted, null, await Registry.SendAsync(HttpMethod.Patch, location, new UnmeasuredContent(Content[..10]), null, ("Content-Range", "0-9")));
        await ExpectAsync(HttpStatusCode.Created, null, await PutAsync(location, Digest.Sha256Of(Content.AsSpan(0, 10)), []));
    }

    [TestMethod]
    public async Task Start_WithAThousandUnfinished_Is429AndOtherRepositoriesGoOn()
    {
        string first = await OpenUploadAsync();
        for (int i = 1; i < 1000; i++)
        {
            await OpenUploadAsync();
        }

        HttpResponseMessage response = await Registry.SendAsync(HttpMethod.Post, $"/v2/{Repo}/blobs/uploads/");
        await ExpectAsync(HttpStatusCode.TooManyRequests, "TOOMANYREQUESTS", response);
        Assert.AreNotEqual("", Header(response, "Retry-After"));
        await ExpectAsync(HttpStatusCode.Accepted, null, await Registry.SendAsync(HttpMethod.Post, "/v2/models/other/blobs/uploads/"));
        await ExpectAsync(HttpStatusCode.NoContent, null, await Registry.SendAsync(HttpMethod.Delete, first));
        await OpenUploadAsync();
    }

    [TestMethod]
    public async Task Chunk_ThatIsCut_KeepsWhatCame()
    {
        string location = await OpenUploadAsync();
        await SendAndBreakAsync(location, Content[..50_000], announced: Content.Length);

        // The server notices the end of the connection in its own time: the next request waits for it.
        HttpResponseMessage status = await Registry.GetAsync(location);
        for (int i = 0; i < 100 && Header(status, "Range") == "0-0"; i++)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, Token);
            status = await Registry.GetAsync(location);
        }

        Assert.AreEqual("0-49999", Header(status, "Range"));
        await PatchAsync(location, Content[50_000..], "50000-999999");
        await ExpectAsync(HttpStatusCode.Created, null, await PutAsync(location, ContentDigest, []));
        CollectionAssert.AreEqual(Content, await PullAsync(Repo, ContentDigest));
    }

    [TestMethod]
    public async Task Put_WrongDigest_DropsTheUpload()
    {
        string location = await OpenUploadAsync();
        await PatchAsync(location, Content[..100], null);
        await ExpectAsync(HttpStatusCode.BadRequest, "DIGEST_INVALID", await PutAsync(location, ContentDigest, []));
        await ExpectAsync(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN", await Registry.GetAsync(location));
        await AssertNoUploadIsLeftAsync();
    }

    [TestMethod]
    public async Task Put_Sha512OfChunks_IsComputedFromTheParts()
    {
        var digest = Digest.Parse("sha512:" + Convert.ToHexStringLower(System.Security.Cryptography.SHA512.HashData(Content)));
        string location = await OpenUploadAsync();
        await PatchAsync(location, Content[..100], null);
        await ExpectAsync(HttpStatusCode.Created, null, await PutAsync(location, digest, Content[100..]));
        CollectionAssert.AreEqual(Content, await PullAsync(Repo, digest));
    }

    [TestMethod]
    public async Task Put_NoBytesAtAll_MakesTheEmptyBlob()
    {
        Digest empty = Digest.Sha256Of([]);
        await ExpectAsync(HttpStatusCode.Created, null, await PutAsync(await OpenUploadAsync(), empty, []));
        Assert.IsEmpty(await PullAsync(Repo, empty));
    }

    [TestMethod]
    public async Task Delete_Upload_ForgetsIt()
    {
        string location = await OpenUploadAsync();
        await PatchAsync(location, Content, null);
        Assert.AreEqual(HttpStatusCode.NoContent, (await Registry.SendAsync(HttpMethod.Delete, location)).StatusCode);
        await ExpectAsync(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN", await PatchAsync(location, Content, null));
        await AssertNoUploadIsLeftAsync();
    }

    [TestMethod]
    [DataRow("nothing")]
    [DataRow("00000000000000000000000000000000")]
    public async Task Uploads_ThatDoNotExist_Are404(string id) =>
        Assert.AreEqual(HttpStatusCode.NotFound, (await Registry.GetAsync($"/v2/{Repo}/blobs/uploads/{id}")).StatusCode);

    [TestMethod]
    public async Task Upload_OfAnotherRepository_Is404()
    {
        string location = await OpenUploadAsync();
        await ExpectAsync(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN", await Registry.GetAsync(location.Replace(Repo, "models/other", StringComparison.Ordinal)));
    }

    [TestMethod]
    public async Task Mount_FromRepositoryThatHoldsIt_Is201()
    {
        Digest digest = await Registry.PushBlobAsync("models/source", Content);
        HttpResponseMessage response = await Registry.SendAsync(HttpMethod.Post, $"/v2/{Repo}/blobs/uploads/?mount={digest}&from=models/source");
        await ExpectAsync(HttpStatusCode.Created, null, response);
        CollectionAssert.AreEqual(Content, await PullAsync(Repo, digest));
    }

    [TestMethod]
    public async Task Mount_FromRepositoryWithoutIt_OpensAnUpload()
    {
        Digest digest = await Registry.PushBlobAsync("models/source", Content);
        HttpResponseMessage response = await Registry.SendAsync(HttpMethod.Post, $"/v2/{Repo}/blobs/uploads/?mount={digest}&from=models/else");
        await ExpectAsync(HttpStatusCode.Accepted, null, response);
        Assert.StartsWith($"/v2/{Repo}/blobs/uploads/", Header(response, "Location"));
    }

    [TestMethod]
    public async Task Upload_LeftBehind_Expires()
    {
        string location = await OpenUploadAsync();
        await PatchAsync(location, Content, null);
        UploadStore uploads = Registry.Services.GetRequiredService<UploadStore>();
        Assert.AreEqual(0, await uploads.ExpireAsync(TimeSpan.FromHours(1), Token));
        Registry.Clock.Shift = TimeSpan.FromHours(2);
        Assert.AreEqual(1, await uploads.ExpireAsync(TimeSpan.FromHours(1), Token));
        await ExpectAsync(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN", await Registry.GetAsync(location));
        await AssertNoUploadIsLeftAsync();
    }

    private Task<HttpResponseMessage> PatchAsync(string location, byte[] content, string? range) =>
        Registry.SendAsync(HttpMethod.Patch, location, new ByteArrayContent(content), null, range is null ? [] : [("Content-Range", range)]);

    private Task<HttpResponseMessage> PutAsync(string location, Digest digest, byte[] content, string? range = null) =>
        Registry.SendAsync(HttpMethod.Put, $"{location}?digest={digest}", new ByteArrayContent(content), null, range is null ? [] : [("Content-Range", range)]);

    private async Task SendAndBreakAsync(string path, byte[] content, int announced)
    {
        var uri = new Uri(Registry.Address);
        using var client = new TcpClient();
        await client.ConnectAsync(uri.Host, uri.Port, Token);
        NetworkStream stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"PATCH {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {announced}\r\n\r\n"), Token);
        await stream.WriteAsync(content, Token);

        // Broken only when the server has read it: what is still in a socket when the connection breaks never arrived.
        while ((await Registry.Http.GetStringAsync($"/accounting/repositories/{Repo}", Token)).Contains($"\"pushedBytes\":{content.Length}", StringComparison.Ordinal) is false)
        {
            await Task.Yield();
        }
    }

    private async Task AssertNoUploadIsLeftAsync() => Assert.IsEmpty(await ListStoredAsync(StoragePaths.Uploads));
}
