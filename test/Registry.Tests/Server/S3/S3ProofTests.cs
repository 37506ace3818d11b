using System.Net;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Storage;
using AiModels.Registry.Storage.Backends;
using AiModels.Registry.Storage.Backends.S3;
using AiModels.Registry.Tests.Server.Backends.S3;
using AiModels.TestKit.S3;
using Microsoft.AspNetCore.Http;

namespace AiModels.Registry.Tests.Server.S3;

/// <summary>What the registry takes as a proof that the bucket holds what was sent, when the way there or the server is at fault.</summary>
[TestClass]
public sealed class S3ProofTests : ProxiedBucketTests
{
    // More than one request takes, so that it goes in parts.
    private const int Large = 17 * 1024 * 1024;

    private static readonly byte[] Content = TestRegistry.RandomBytes(Large);
    private static readonly Digest OfContent = Digest.Sha256Of(Content);

    [TestMethod]
    [DataRow("right", "FULL_OBJECT", S3Verification.Full, true)]
    [DataRow("right", "COMPOSITE", S3Verification.Full, false)]
    [DataRow("wrong", "FULL_OBJECT", S3Verification.Full, false)]
    [DataRow("wrong", "FULL_OBJECT", S3Verification.Parts, false)]
    public async Task HashOfTheWhole_ToldByTheServer_CountsWhenItIsTheRightOne(string told, string type, S3Verification verification, bool isProven)
    {
        Tell(told == "right" ? OfContent : Digest.Sha256Of([]), type);
        using S3Backend backend = Open(verification);
        Assert.AreEqual(isProven, await IsProvenAsync(backend, OfContent));
        Assert.IsFalse(await IsProvenAsync(backend, null) && verification == S3Verification.Full, "nobody can tell whether it is right");
    }

    [TestMethod]
    public async Task Push_WhoseHashOfTheWholeIsWrong_IsReadInstead()
    {
        Tell(Digest.Sha256Of([]), "FULL_OBJECT");
        await using TestRegistry registry = await TestRegistry.StartAsync(Bucket.Configure);
        await registry.PushBlobAsync("models/one", Content);
        Assert.Contains($"GET {PathOf(OfContent)}", Proxy.Requests.Select(request => request.Split('?')[0]));
    }

    [TestMethod]
    [DataRow("full")]
    [DataRow("parts")]
    public async Task Push_ThatIsChangedOnTheWayToTheBucket_IsRefusedAndCanBeSentAgain(string verification)
    {
        await using TestRegistry registry = await TestRegistry.StartAsync(options =>
        {
            Bucket.Configure(options);
            options.S3Verification = Enum.Parse<S3Verification>(verification, ignoreCase: true);
        });
        await registry.PushBlobAsync("models/one", TestRegistry.RandomBytes(10));
        int changes = 1;
        Proxy.Fault = request => HttpMethods.IsPut(request.Method) && request.Query.ContainsKey("partNumber") && Interlocked.Decrement(ref changes) >= 0 ? S3Fault.ChangedRequest : null;
        using (HttpResponseMessage refused = await registry.SendAsync(HttpMethod.Post, $"/v2/models/one/blobs/uploads/?digest={OfContent}", new ByteArrayContent(Content)))
        {
            Assert.AreEqual(HttpStatusCode.InternalServerError, refused.StatusCode);
        }

        using (HttpResponseMessage missing = await registry.SendAsync(HttpMethod.Head, $"/v2/models/one/blobs/{OfContent}"))
        {
            Assert.AreEqual(HttpStatusCode.NotFound, missing.StatusCode);
        }

        Assert.AreEqual(OfContent, await registry.PushBlobAsync("models/one", Content));
    }

    [TestMethod]
    public async Task SmallPush_ThatIsChangedOnTheWayToTheBucket_IsRefusedByTheServer()
    {
        using S3Backend backend = Open(S3Verification.Full);
        await backend.PutAsync("warm/up", "x"u8.ToArray(), PutMode.IfAbsent, Token);
        byte[] content = TestRegistry.RandomBytes(100_000);
        Proxy.Fault = request => HttpMethods.IsPut(request.Method) ? S3Fault.ChangedRequest : null;
        await using IStorageWriter writer = await backend.CreateAsync(new WriteIntent("blob", content.Length, Digest: Digest.Sha256Of(content)), Token);
        await writer.WriteAsync(content, Token);
        await Assert.ThrowsAsync<IOException>(async () => await writer.CommitAsync("blob", Token));
        Assert.IsNull(await backend.StatAsync("blob", Token));
    }

    private S3Backend Open(S3Verification verification) => SharedRadosGateway.Open(new S3Options
    {
        Bucket = Bucket.Name,
        Endpoint = Proxy.Endpoint,
        CredentialsFolder = Bucket.Credentials,
        UsePathStyle = true,
        Verification = verification,
    });

    private string PathOf(Digest digest) => $"/{Bucket.Name}/{StoragePaths.Blob(digest)}";

    /// <summary>radosgw tells no SHA-256 of what came in parts: this is how a server that does would.</summary>
    private void Tell(Digest digest, string type) => Proxy.Answering = http =>
    {
        if (HttpMethods.IsHead(http.Request.Method) && http.Response.StatusCode == StatusCodes.Status200OK)
        {
            http.Response.Headers["x-amz-checksum-sha256"] = Convert.ToBase64String(Convert.FromHexString(digest.Hex));
            http.Response.Headers["x-amz-checksum-type"] = type;
        }
    };

    private async Task<bool> IsProvenAsync(S3Backend backend, Digest? digest)
    {
        await using IStorageWriter writer = await backend.CreateAsync(new WriteIntent("blob", Large, Digest: digest), Token);
        await writer.WriteAsync(Content, Token);
        await writer.CommitAsync("blob", Token);
        return writer.IsProven;
    }
}
