using System.Buffers;
using System.Net;
using System.Text.Json.Nodes;
using AiModels.ModelPack.Client;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Api;
using AiModels.TestKit.S3;

namespace AiModels.Registry.Tests.Server.S3;

/// <summary>Blobs by signed URLs of the bucket.</summary>
[TestClass]
public sealed class S3RedirectTests : ProxiedBucketTests
{
    private const string Repo = "models/redirected";

    private static readonly byte[] Content = TestRegistry.RandomBytes(300_000);

    [TestMethod]
    public async Task Get_WithRedirectsOn_LeadsToTheBytesAndCountsThem()
    {
        await using TestRegistry registry = await OpenAsync(RedirectMode.On);
        string grant = registry.Grant(Repo, "pull", "push");
        Digest digest = await registry.PushBlobAsync(Repo, Content, grant);

        using HttpResponseMessage response = await registry.GetAsync($"/v2/{Repo}/blobs/{digest}", grant);
        Assert.AreEqual(HttpStatusCode.TemporaryRedirect, response.StatusCode);
        Assert.AreEqual("no-store", response.Headers.CacheControl!.ToString());
        Uri target = response.Headers.Location!;
        Assert.AreEqual(Proxy.Endpoint.Authority, target.Authority);
        using var http = new HttpClient();
        CollectionAssert.AreEqual(Content, await http.GetByteArrayAsync(target, Token));

        using HttpResponseMessage range = await registry.GetAsync($"/v2/{Repo}/blobs/{digest}", grant, ("Range", "bytes=100-199"));
        Assert.AreEqual(HttpStatusCode.TemporaryRedirect, range.StatusCode);
        using HttpResponseMessage head = await registry.SendAsync(HttpMethod.Head, $"/v2/{Repo}/blobs/{digest}", grant: grant);
        Assert.AreEqual(HttpStatusCode.OK, head.StatusCode);

        JsonNode account = JsonNode.Parse(await (await registry.GetAsync($"/accounting/repositories/{Repo}", grant)).Content.ReadAsStringAsync(Token))![0]!;
        Assert.AreEqual(Content.Length + 100, account["redirectedBytes"]!.GetValue<long>());
        Assert.AreEqual(0, account["pulledBytes"]!.GetValue<long>());
    }

    [TestMethod]
    public async Task Get_ByAnotherRepository_IsNotRedirected()
    {
        await using TestRegistry registry = await OpenAsync(RedirectMode.On);
        Digest digest = await registry.PushBlobAsync(Repo, Content, registry.Grant(Repo, "push"));
        using HttpResponseMessage foreign = await registry.GetAsync($"/v2/{Repo}/blobs/{digest}", registry.Grant("models/else", "pull"));
        Assert.AreEqual(HttpStatusCode.Forbidden, foreign.StatusCode);
        using HttpResponseMessage unlinked = await registry.GetAsync($"/v2/models/else/blobs/{digest}", registry.Grant("models/else", "pull"));
        Assert.AreEqual(HttpStatusCode.NotFound, unlinked.StatusCode);
    }

    [TestMethod]
    [DataRow(RedirectMode.Off, null, HttpStatusCode.OK)]
    [DataRow(RedirectMode.Internal, null, HttpStatusCode.TemporaryRedirect)]
    [DataRow(RedirectMode.Internal, "203.0.113.7", HttpStatusCode.OK)]
    [DataRow(RedirectMode.On, "203.0.113.7", HttpStatusCode.TemporaryRedirect)]
    public async Task Get_ByTheWayTheClientCame_IsRedirectedOrServed(RedirectMode mode, string? forwardedFor, HttpStatusCode expected)
    {
        await using TestRegistry registry = await OpenAsync(mode);
        string grant = registry.Grant(Repo, "pull", "push");
        Digest digest = await registry.PushBlobAsync(Repo, Content, grant);
        (string, string)[] headers = forwardedFor is null ? [] : [("X-Forwarded-For", forwardedFor)];
        using HttpResponseMessage response = await registry.GetAsync($"/v2/{Repo}/blobs/{digest}", grant, headers);
        Assert.AreEqual(expected, response.StatusCode);
        if (expected == HttpStatusCode.OK)
        {
            CollectionAssert.AreEqual(Content, await response.Content.ReadAsByteArrayAsync(Token));
        }
    }

    [TestMethod]
    public async Task OurClient_SentToTheBucket_NeverShowsItsGrantThere()
    {
        await using TestRegistry registry = await OpenAsync(RedirectMode.On);
        string grant = registry.Grant(Repo, "pull", "push");
        using var client = new RegistryClient(new RegistryClientOptions { Address = registry.Address, Grants = new OneGrant(grant) });
        var digest = Digest.Sha256Of(Content);
        await client.PutBlobAsync(Repo, digest, new ReadOnlySequence<byte>(Content), Token);

        // A connection to the bucket that breaks in the middle is taken up again by way of the registry.
        int cuts = 1;
        Proxy.Fault = request => request.Query.ContainsKey("X-Amz-Signature") && Interlocked.Decrement(ref cuts) >= 0 ? S3Fault.CutAnswer : null;
        await using Stream stream = await client.GetBlobAsync(Repo, digest, Content.Length, 0, Content.Length, Token);
        byte[] read = new byte[Content.Length];
        await stream.ReadExactlyAsync(read, Token);
        CollectionAssert.AreEqual(Content, read);
        Assert.IsLessThan(0, cuts);
        Assert.IsFalse(Proxy.HasGrantLeaked);
    }

    private Task<TestRegistry> OpenAsync(RedirectMode mode) => TestRegistry.StartAsync(options =>
    {
        Bucket.Configure(options);
        options.Anonymous = false;
        options.S3Redirects = mode;
    });

    private sealed class OneGrant(string grant) : IGrantSource
    {
        public ValueTask<AccessToken> GetTokenAsync(string repository, IReadOnlyCollection<string> actions, CancellationToken cancellationToken) => ValueTask.FromResult(new AccessToken(grant, DateTimeOffset.MaxValue));

        public void Invalidate(string repository, AccessToken token)
        {
        }
    }
}
