using System.Net;
using System.Net.Http.Headers;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Storage;
using AiModels.TestKit;

namespace AiModels.Registry.Tests.Server.Api;

[TestClass]
public class BlobTests : RegistryTestBase
{
    private static readonly byte[] Digits = "0123456789"u8.ToArray();

    [TestMethod]
    [DataRow(0)]
    [DataRow(1)]
    [DataRow(70_000)]
    [DataRow(5_000_001)]
    public async Task Push_AnyLength_PullsTheSame(int length)
    {
        byte[] content = TestRegistry.RandomBytes(length);
        Digest digest = await Registry.PushBlobAsync(Repo, content);
        CollectionAssert.AreEqual(content, await PullAsync(Repo, digest));
    }

    [TestMethod]
    public async Task Head_OfBlob_TellsLengthDigestAndTag()
    {
        Digest digest = await Registry.PushBlobAsync(Repo, Digits);
        HttpResponseMessage response = await Registry.SendAsync(HttpMethod.Head, $"/v2/{Repo}/blobs/{digest}");
        Assert.AreEqual(HttpStatusCode.OK, response.StatusCode);
        Assert.AreEqual(10, response.Content.Headers.ContentLength);
        Assert.AreEqual(digest.ToString(), Header(response, "Docker-Content-Digest"));
        Assert.AreEqual($"\"{digest}\"", Header(response, "ETag"));
    }

    [TestMethod]
    public async Task Get_WithKnownEntityTag_Is304()
    {
        Digest digest = await Registry.PushBlobAsync(Repo, Digits);
        HttpResponseMessage response = await Registry.GetAsync($"/v2/{Repo}/blobs/{digest}", null, ("If-None-Match", $"\"{digest}\""));
        Assert.AreEqual(HttpStatusCode.NotModified, response.StatusCode);
    }

    [TestMethod]
    [DataRow("bytes=2-4", "234", "bytes 2-4/10")]
    [DataRow("bytes=7-", "789", "bytes 7-9/10")]
    [DataRow("bytes=-3", "789", "bytes 7-9/10")]
    [DataRow("bytes=8-100", "89", "bytes 8-9/10")]
    [DataRow("bytes=-100", "0123456789", "bytes 0-9/10")]
    [DataRow("bytes=9-99999999999999999999", "9", "bytes 9-9/10")]
    public async Task Get_WithRange_Is206(string range, string expected, string contentRange)
    {
        Digest digest = await Registry.PushBlobAsync(Repo, Digits);
        HttpResponseMessage response = await Registry.GetAsync($"/v2/{Repo}/blobs/{digest}", null, ("Range", range));
        Assert.AreEqual(HttpStatusCode.PartialContent, response.StatusCode);
        Assert.AreEqual(expected, await response.Content.ReadAsStringAsync(Token));
        Assert.AreEqual(contentRange, Header(response, "Content-Range"));
    }

    [TestMethod]
    [DataRow("bytes=10-")]
    [DataRow("bytes=5-2")]
    [DataRow("bytes=-0")]
    [DataRow("bytes=99999999999999999999-")]
    public async Task Get_WithRangeOutside_Is416(string range)
    {
        Digest digest = await Registry.PushBlobAsync(Repo, Digits);
        HttpResponseMessage response = await Registry.GetAsync($"/v2/{Repo}/blobs/{digest}", null, ("Range", range));
        await ExpectAsync(HttpStatusCode.RequestedRangeNotSatisfiable, "SIZE_INVALID", response);
        Assert.AreEqual("bytes */10", Header(response, "Content-Range"));
    }

    [TestMethod]
    [DataRow("bytes=0-1,4-5")]
    [DataRow("items=0-1")]
    [DataRow("bytes=a-b")]
    [DataRow("bytes=-")]
    public async Task Get_WithRangeThatIsNone_IsTheWholeBlob(string range)
    {
        Digest digest = await Registry.PushBlobAsync(Repo, Digits);
        HttpResponseMessage response = await Registry.GetAsync($"/v2/{Repo}/blobs/{digest}", null, ("Range", range));
        Assert.AreEqual(HttpStatusCode.OK, response.StatusCode);
        Assert.AreEqual("0123456789", await response.Content.ReadAsStringAsync(Token));
    }

    [TestMethod]
    public async Task Get_WithIfRangeOfAnotherVersion_IsTheWholeBlob()
    {
        Digest digest = await Registry.PushBlobAsync(Repo, Digits);
        HttpResponseMessage response = await Registry.GetAsync($"/v2/{Repo}/blobs/{digest}", null, ("Range", "bytes=0-1"), ("If-Range", "\"other\""));
        Assert.AreEqual(HttpStatusCode.OK, response.StatusCode);
    }

    [TestMethod]
    public async Task Push_WrongDigest_IsRefusedAndLeavesNothing()
    {
        Digest announced = Digest.Sha256Of("something else"u8);
        HttpResponseMessage response = await Registry.SendAsync(HttpMethod.Post, $"/v2/{Repo}/blobs/uploads/?digest={announced}", new ByteArrayContent(TestRegistry.RandomBytes(3_000_000)));
        await ExpectAsync(HttpStatusCode.BadRequest, "DIGEST_INVALID", response);
        await ExpectAsync(HttpStatusCode.NotFound, "BLOB_UNKNOWN", await Registry.GetAsync($"/v2/{Repo}/blobs/{announced}"));
        Assert.IsEmpty(await ListStoredAsync(StoragePaths.Blobs));
        await AssertNothingIsStagedAsync();
    }

    [TestMethod]
    [DataRow("sha256:abc")]
    [DataRow("md5:d41d8cd98f00b204e9800998ecf8427e")]
    [DataRow("sha256:../../../../etc/passwd")]
    [DataRow("")]
    public async Task Push_DigestThatIsNone_IsRefused(string digest) => await ExpectAsync(
        HttpStatusCode.BadRequest, "DIGEST_INVALID", await Registry.SendAsync(HttpMethod.Post, $"/v2/{Repo}/blobs/uploads/?digest={Uri.EscapeDataString(digest)}", new ByteArrayContent(Digits)));

    [TestMethod]
    public async Task Push_Sha512_IsStoredUnderIt()
    {
        var digest = Digest.Parse("sha512:" + Convert.ToHexStringLower(System.Security.Cryptography.SHA512.HashData(Digits)));
        HttpResponseMessage response = await Registry.SendAsync(HttpMethod.Post, $"/v2/{Repo}/blobs/uploads/?digest={digest}", new ByteArrayContent(Digits));
        await ExpectAsync(HttpStatusCode.Created, null, response);
        CollectionAssert.AreEqual(Digits, await PullAsync(Repo, digest));
    }

    [TestMethod]
    public async Task Push_KnownContentToAnotherRepository_NeedsTheBytes()
    {
        Digest digest = await Registry.PushBlobAsync(Repo, Digits);
        HttpResponseMessage lie = await Registry.SendAsync(HttpMethod.Post, $"/v2/models/other/blobs/uploads/?digest={digest}", new ByteArrayContent("guess"u8.ToArray()));
        await ExpectAsync(HttpStatusCode.BadRequest, "DIGEST_INVALID", lie);
        await ExpectAsync(HttpStatusCode.NotFound, "BLOB_UNKNOWN", await Registry.GetAsync($"/v2/models/other/blobs/{digest}"));
    }

    [TestMethod]
    public async Task Get_BlobOfAnotherRepository_IsUnknown()
    {
        Digest digest = await Registry.PushBlobAsync(Repo, Digits);
        await ExpectAsync(HttpStatusCode.NotFound, "BLOB_UNKNOWN", await Registry.GetAsync($"/v2/models/other/blobs/{digest}"));
    }

    [TestMethod]
    public async Task Push_EqualContentToTwoRepositories_IsStoredOnce()
    {
        await Registry.PushBlobAsync(Repo, Digits);
        await Registry.PushBlobAsync("models/other", Digits);
        Assert.HasCount(1, await ListStoredAsync(StoragePaths.Blobs));
    }

    [TestMethod]
    public async Task Delete_Blob_TakesItOutOfThisRepositoryOnly()
    {
        Digest digest = await Registry.PushBlobAsync(Repo, Digits);
        await Registry.PushBlobAsync("models/other", Digits);
        await ExpectAsync(HttpStatusCode.Accepted, null, await Registry.SendAsync(HttpMethod.Delete, $"/v2/{Repo}/blobs/{digest}"));
        await ExpectAsync(HttpStatusCode.NotFound, "BLOB_UNKNOWN", await Registry.GetAsync($"/v2/{Repo}/blobs/{digest}"));
        await ExpectAsync(HttpStatusCode.NotFound, "BLOB_UNKNOWN", await Registry.SendAsync(HttpMethod.Delete, $"/v2/{Repo}/blobs/{digest}"));
        CollectionAssert.AreEqual(Digits, await PullAsync("models/other", digest));
    }

    [TestMethod]
    public async Task Delete_BlobOfAManifest_IsRefused()
    {
        await Registry.PushImageAsync(Repo, "model", Digits);
        HttpResponseMessage response = await Registry.SendAsync(HttpMethod.Delete, $"/v2/{Repo}/blobs/{Digest.Sha256Of(Digits)}");
        await ExpectAsync(HttpStatusCode.MethodNotAllowed, "UNSUPPORTED", response);
        Assert.AreEqual("GET, HEAD", Header(response, "Allow"));
        CollectionAssert.AreEqual(Digits, await PullAsync(Repo, Digest.Sha256Of(Digits)));
    }

    [TestMethod]
    [DataRow("UPPER")]
    [DataRow("a/-b")]
    [DataRow("a//b")]
    [DataRow("a..b")]
    [DataRow("_blobs")]
    public async Task Names_OutsideOfTheGrammar_AreRefused(string name) =>
        await ExpectAsync(HttpStatusCode.BadRequest, "NAME_INVALID", await Registry.GetAsync($"/v2/{name}/blobs/{Digest.Sha256Of(Digits)}"));

    [TestMethod]
    [DataRow("/v2/..%2f..%2fetc/blobs/uploads/")]
    [DataRow("/v2/a%2f..%2fb/manifests/x")]
    public async Task Paths_ThatClimb_AreRefused(string path) => Assert.AreEqual(HttpStatusCode.BadRequest, (await Registry.SendAsync(path.EndsWith('/') ? HttpMethod.Post : HttpMethod.Get, path)).StatusCode);

    [TestMethod]
    public async Task Push_BodyThatIsCut_LeavesNothing()
    {
        var uri = new Uri(Registry.Address);
        Digest digest = Digest.Sha256Of(Digits);
        using (var client = new System.Net.Sockets.TcpClient())
        {
            await client.ConnectAsync(uri.Host, uri.Port, Token);
            await using System.Net.Sockets.NetworkStream stream = client.GetStream();
            await stream.WriteAsync(System.Text.Encoding.ASCII.GetBytes($"POST /v2/{Repo}/blobs/uploads/?digest={digest} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234"), Token);
            client.Client.Shutdown(System.Net.Sockets.SocketShutdown.Send);
            using var reader = new StreamReader(stream);
            string answer;
            try
            {
                answer = await reader.ReadToEndAsync(Token);
            }
            catch (IOException)
            {
                // The server may answer or may cut the connection in its turn; a reset is a refusal too.
                answer = "";
            }

            Assert.DoesNotContain(" 201 ", answer);
        }

        await ExpectAsync(HttpStatusCode.NotFound, "BLOB_UNKNOWN", await Registry.GetAsync($"/v2/{Repo}/blobs/{digest}"));
    }

    [TestMethod]
    public async Task Push_OfMoreThanAnyMediumTakes_Is507BeforeItsBytesCome()
    {
        var uri = new Uri(Registry.Address);
        using var client = new System.Net.Sockets.TcpClient();
        await client.ConnectAsync(uri.Host, uri.Port, Token);
        await using System.Net.Sockets.NetworkStream stream = client.GetStream();
        string head = $"POST /v2/{Repo}/blobs/uploads/?digest={Digest.Sha256Of(Digits)} HTTP/1.1\r\nHost: x\r\nContent-Length: {long.MaxValue}\r\n\r\n";
        await stream.WriteAsync(System.Text.Encoding.ASCII.GetBytes(head), Token);
        using var reader = new StreamReader(stream);
        Assert.StartsWith("HTTP/1.1 507", await reader.ReadLineAsync(Token) ?? "");
    }

    [TestMethod]
    public async Task Head_WithABody_LeavesTheConnectionInStep()
    {
        Digest digest = await Registry.PushBlobAsync(Repo, Digits);
        var uri = new Uri(Registry.Address);
        using var client = new System.Net.Sockets.TcpClient();
        await client.ConnectAsync(uri.Host, uri.Port, Token);
        await using System.Net.Sockets.NetworkStream stream = client.GetStream();
        string path = $"/v2/{Repo}/blobs/{digest} HTTP/1.1\r\nHost: x\r\n";
        await stream.WriteAsync(System.Text.Encoding.ASCII.GetBytes($"HEAD {path}Content-Length: 5\r\n\r\nhelloGET {path}Connection: close\r\n\r\n"), Token);
        using var reader = new StreamReader(stream);
        string answers = await reader.ReadToEndAsync(Token);
        Assert.AreEqual(2, answers.Split("HTTP/1.1 200 OK").Length - 1, answers);
        Assert.EndsWith("\r\n\r\n0123456789", answers);
    }

    [TestMethod]
    [DataRow("m%2Fone")]
    [DataRow("m/one%20")]
    [DataRow("m%0d%0aX:y")]
    [DataRow("%")]
    [DataRow("m-_n")]
    [DataRow("m/one/")]
    public async Task Names_EncodedOrNot_AreJudgedAsTheyAreDecoded(string name) =>
        await ExpectAsync(HttpStatusCode.BadRequest, "NAME_INVALID", await Registry.SendAsync(HttpMethod.Post, $"/v2/{name}/blobs/uploads/?digest={Digest.Sha256Of(Digits)}", new ByteArrayContent(Digits)));

    [TestMethod]
    public async Task Methods_ThatDoNotExist_Are405()
    {
        HttpResponseMessage response = await Registry.SendAsync(HttpMethod.Put, $"/v2/{Repo}/tags/list", new ByteArrayContent([]));
        await ExpectAsync(HttpStatusCode.MethodNotAllowed, "UNSUPPORTED", response);
        Assert.AreEqual("GET, HEAD", Header(response, "Allow"));
        await ExpectAsync(HttpStatusCode.NotFound, "UNSUPPORTED", await Registry.GetAsync("/v2/_catalog"));
    }

    [TestMethod]
    public async Task Base_Answers()
    {
        HttpResponseMessage response = await Registry.GetAsync("/v2/");
        Assert.AreEqual(HttpStatusCode.OK, response.StatusCode);
        Assert.AreEqual(new MediaTypeHeaderValue("application/json"), response.Content.Headers.ContentType);
    }

    /// <summary>The registry's own bookkeeping (the state of a collection) may pass through at this moment, but nothing stays.</summary>
    private protected virtual async Task AssertNothingIsStagedAsync() =>
        await Eventually.GetAsync(() => Task.FromResult(Directory.GetFiles(Path.Combine(Registry.StorageFolder, ".staging")).Length), count => count == 0, "nothing is staged", Token);
}
