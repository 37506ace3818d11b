using System.Buffers;
using System.Net;
using System.Text;
using AiModels.ModelPack.Client;
using AiModels.ModelPack.Oci;

namespace AiModels.Registry.Tests.ModelPack.Client;

[TestClass]
public sealed class RegistryClientTests
{
    private const string Repository = "models/1";
    private static readonly byte[] Content = Samples.Noise(300_000);
    private static readonly Digest ContentDigest = Digest.Sha256Of(Content);

    private readonly FakeRegistry _registry = new();

    public required TestContext TestContext { get; init; }

    private CancellationToken Cancellation => TestContext.CancellationToken;

    [TestMethod]
    public async Task PutBlob_WhenItIsThere_SendsNothing()
    {
        using RegistryClient client = Client();
        await PutAsync(client);
        await PutAsync(client);
        Assert.AreEqual(1, _registry.Requests.Count(request => request.StartsWith("POST", StringComparison.Ordinal)));
    }

    [TestMethod]
    public async Task PutBlob_ToARegistryThatWantsTwoRequests_SendsTwo()
    {
        _registry.RefusesSinglePost = true;
        using RegistryClient client = Client();
        await PutAsync(client);
        Assert.IsTrue(_registry.Blobs.ContainsKey($"{Repository}/{ContentDigest}"));
    }

    [TestMethod]
    public async Task PutBlob_AfterTransientFailures_IsSentAgain()
    {
        int failures = 3;
        _registry.Interfere = request => request.Method == HttpMethod.Post && failures-- > 0
            ? failures == 1 ? throw new HttpRequestException("connection reset") : FakeRegistry.Error(HttpStatusCode.ServiceUnavailable, "UNAVAILABLE")
            : null;
        using RegistryClient client = Client();
        await PutAsync(client);
        CollectionAssert.AreEqual(Content, _registry.Blobs[$"{Repository}/{ContentDigest}"]);
    }

    [TestMethod]
    public async Task PutBlob_Refused_ThrowsWhatTheRegistrySaysWithoutRepeating()
    {
        _registry.Interfere = request => request.Method == HttpMethod.Post ? FakeRegistry.Error(HttpStatusCode.InsufficientStorage, "DENIED") : null;
        using RegistryClient client = Client();
        RegistryException error = await Assert.ThrowsExactlyAsync<RegistryException>(() => PutAsync(client));
        Assert.AreEqual("DENIED", error.Code);
        Assert.IsTrue(error.IsInsufficientStorage);
        StringAssert.Contains(error.Message, "it is DENIED");
        Assert.AreEqual(1, _registry.Requests.Count(request => request.StartsWith("POST", StringComparison.Ordinal)));
    }

    [TestMethod]
    public async Task GetBlob_WhenTheConnectionBreaksAgainAndAgain_GoesOnWhereItStopped()
    {
        await PutAsync(Client());
        _registry.BlobBody = stream => new BreakingStream(stream, after: 70_000);
        using RegistryClient client = Client();
        CollectionAssert.AreEqual(Content, await GetAsync(client));
        Assert.AreEqual(5, _registry.Requests.Count(request => request.StartsWith("GET", StringComparison.Ordinal)));
    }

    [TestMethod]
    public async Task GetBlob_FromAServerThatIgnoresRange_StillGivesTheRange()
    {
        await PutAsync(Client());
        _registry.IgnoresRange = true;
        using RegistryClient client = Client();
        CollectionAssert.AreEqual(Content[1000..5000], await GetAsync(client, 1000, 4000));
    }

    [TestMethod]
    public async Task GetBlob_Redirected_FollowsWithoutTheGrant()
    {
        await PutAsync(Client());
        _registry.Interfere = request => request.RequestUri!.Host == "registry.test" && request.Method == HttpMethod.Get
            ? new HttpResponseMessage(HttpStatusCode.TemporaryRedirect) { Headers = { Location = new Uri($"https://bucket.test{request.RequestUri.PathAndQuery}") } }
            : null;
        using RegistryClient client = Client(new StaticGrantSource("secret"));
        CollectionAssert.AreEqual(Content, await GetAsync(client));
        CollectionAssert.AreEqual(new[] { "registry.test" }, _registry.AuthorizedHosts.Distinct().ToArray());
    }

    [TestMethod]
    public async Task GetBlob_RedirectedToPlainHttp_IsRefused()
    {
        _registry.Interfere = _ => new HttpResponseMessage(HttpStatusCode.Redirect) { Headers = { Location = new Uri("http://bucket.test/x") } };
        using RegistryClient client = Client(retries: 0);
        await Assert.ThrowsExactlyAsync<HttpRequestException>(() => GetAsync(client));
    }

    [TestMethod]
    public async Task GetBlobBytes_WithAnotherDigest_IsRefused()
    {
        _registry.Blobs[$"{Repository}/{ContentDigest}"] = Samples.Noise(300_000, seed: 2);
        using RegistryClient client = Client();
        var descriptor = new Descriptor { MediaType = MediaTypes.OctetStream, Digest = ContentDigest, Size = Content.Length };
        await Assert.ThrowsExactlyAsync<InvalidDataException>(() => client.GetBlobBytesAsync(Repository, descriptor, 1 << 20, Cancellation));
    }

    [TestMethod]
    public async Task Request_WithAnOldGrant_IsRepeatedOnceWithAFreshOne()
    {
        _registry.RequiredToken = "token-2";
        var source = new CountingGrantSource();
        using RegistryClient client = Client(new CachingGrantSource(source, TimeProvider.System));
        Assert.IsNull(await client.HeadBlobAsync(Repository, ContentDigest, Cancellation));
        Assert.IsNull(await client.HeadBlobAsync(Repository, ContentDigest, Cancellation));
        Assert.AreEqual(2, source.Calls);
    }

    [TestMethod]
    public async Task GetManifest_WithAnotherDigest_IsRefused()
    {
        Digest digest = Digest.Sha256Of(Encoding.ASCII.GetBytes("{}"));
        _registry.Manifests[$"{Repository}/{digest}"] = (MediaTypes.OciManifest, SomeManifest());
        using RegistryClient client = Client();
        await Assert.ThrowsExactlyAsync<InvalidDataException>(() => client.GetManifestAsync(Repository, digest.ToString(), Cancellation));
    }

    [TestMethod]
    [DataRow("ftp://x")]
    [DataRow("registry:5000")]
    [DataRow("https://user:pw@host")]
    [DataRow("https://host/path")]
    [DataRow("unix://relative.sock")]
    public void New_WithAnAddressThatIsNone_SaysWhatWouldBeRight(string address)
    {
        FormatException error = Assert.ThrowsExactly<FormatException>(() => new RegistryClient(new RegistryClientOptions { Address = address }));
        StringAssert.Contains(error.Message, address);
    }

    private static byte[] SomeManifest() => new Manifest
    {
        ArtifactType = "application/x",
        Config = new Descriptor { MediaType = MediaTypes.OciEmpty, Digest = Digest.Sha256Of(Encoding.ASCII.GetBytes("{}")), Size = 2 },
    }.Encode();

    private RegistryClient Client(IGrantSource? grants = null, int retries = 5) => new(new RegistryClientOptions
    {
        Address = "https://registry.test",
        Handler = _registry,
        Grants = grants,
        MaxRetries = retries,
        FirstRetryDelay = TimeSpan.FromMilliseconds(1),
    });

    private Task PutAsync(RegistryClient client)
    {
        // Two pieces, as chunks come.
        ReadOnlySequence<byte> whole = new(Content);
        return client.PutBlobAsync(Repository, ContentDigest, whole, Cancellation);
    }

    private async Task<byte[]> GetAsync(RegistryClient client, long offset = 0, long length = long.MaxValue / 2)
    {
        await using Stream stream = await client.GetBlobAsync(Repository, ContentDigest, Content.Length, offset, length, Cancellation);
        using var copy = new MemoryStream();
        await stream.CopyToAsync(copy, Cancellation);
        return copy.ToArray();
    }

    private sealed class CountingGrantSource : IGrantSource
    {
        public int Calls { get; private set; }

        public ValueTask<AccessToken> GetTokenAsync(string repository, IReadOnlyCollection<string> actions, CancellationToken cancellationToken) =>
            new(new AccessToken($"token-{++Calls}", DateTimeOffset.MaxValue));
    }

    private sealed class BreakingStream(Stream inner, int after) : Stream
    {
        private int _left = after;

        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count)
        {
            int read = _left > 0 ? inner.Read(buffer, offset, Math.Min(count, _left)) : throw new IOException("connection reset by peer");
            _left -= read;
            return read;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
