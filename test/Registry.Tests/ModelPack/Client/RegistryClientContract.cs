using System.Buffers;
using System.Text;
using AiModels.ModelPack.Client;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Tests.Server;

namespace AiModels.Registry.Tests.ModelPack.Client;

/// <summary>What the client does with any registry.</summary>
public abstract class RegistryClientContract
{
    private const string Repository = "models/1";
    private static readonly byte[] Content = Samples.Noise(300_000);
    private static readonly Digest ContentDigest = Digest.Sha256Of(Content);

    public required TestContext TestContext { get; init; }

    private CancellationToken Cancellation => TestContext.CancellationToken;

    [TestMethod]
    public async Task Ping_OfARegistry_IsTrue()
    {
        using RegistryClient client = await OpenAsync();
        Assert.IsTrue(await client.PingAsync(Cancellation));
    }

    [TestMethod]
    public async Task PutBlob_ThenHeadAndGet_GivesItBack()
    {
        using RegistryClient client = await OpenAsync();
        Assert.IsNull(await client.HeadBlobAsync(Repository, ContentDigest, Cancellation));
        await client.PutBlobAsync(Repository, ContentDigest, new ReadOnlySequence<byte>(Content), Cancellation);
        await client.PutBlobAsync(Repository, ContentDigest, new ReadOnlySequence<byte>(Content), Cancellation);
        Assert.AreEqual(Content.Length, await client.HeadBlobAsync(Repository, ContentDigest, Cancellation));
        CollectionAssert.AreEqual(Content, await GetAsync(client, 0, Content.Length));
    }

    [TestMethod]
    public async Task GetBlob_OfARange_GivesExactlyThat()
    {
        using RegistryClient client = await OpenAsync();
        await client.PutBlobAsync(Repository, ContentDigest, new ReadOnlySequence<byte>(Content), Cancellation);
        CollectionAssert.AreEqual(Content[1000..5000], await GetAsync(client, 1000, 4000));
        CollectionAssert.AreEqual(Content[^10..], await GetAsync(client, Content.Length - 10, 4000));
        Assert.IsEmpty(await GetAsync(client, Content.Length, 10));
    }

    [TestMethod]
    public async Task GetBlob_ThatIsMissing_ThrowsItsCode()
    {
        using RegistryClient client = await OpenAsync();
        RegistryException error = await Assert.ThrowsExactlyAsync<RegistryException>(() => GetAsync(client, 0, 10));
        Assert.AreEqual("BLOB_UNKNOWN", error.Code);
    }

    [TestMethod]
    public async Task PutBlob_WithAnotherDigest_IsRefused()
    {
        using RegistryClient client = await OpenAsync();
        RegistryException error = await Assert.ThrowsExactlyAsync<RegistryException>(() =>
            client.PutBlobAsync(Repository, Digest.Sha256Of([1]), new ReadOnlySequence<byte>(Content), Cancellation));
        Assert.AreEqual("DIGEST_INVALID", error.Code);
    }

    [TestMethod]
    public async Task PutManifest_ThenGetResolveListDelete_Agree()
    {
        using RegistryClient client = await OpenAsync();
        byte[] manifest = await ManifestAsync(client, subject: null);
        Digest digest = await client.PutManifestAsync(Repository, "model", MediaTypes.OciManifest, manifest, Cancellation);
        await client.PutManifestAsync(Repository, "upload", MediaTypes.OciManifest, manifest, Cancellation);

        Assert.AreEqual(digest, await client.ResolveAsync(Repository, "model", Cancellation));
        CollectionAssert.AreEqual(manifest, (await client.GetManifestAsync(Repository, digest.ToString(), Cancellation))!.Content.ToArray());
        CollectionAssert.AreEqual(new[] { "model", "upload" }, await TagsAsync(client));
        Assert.IsTrue(await client.DeleteManifestAsync(Repository, "model", Cancellation));
        Assert.IsFalse(await client.DeleteManifestAsync(Repository, "model", Cancellation));
        Assert.IsNull(await client.GetManifestAsync(Repository, "model", Cancellation));
        Assert.IsNull(await client.ResolveAsync(Repository, "model", Cancellation));
    }

    [TestMethod]
    public async Task ListReferrers_OfASubject_FindsThemByType()
    {
        using RegistryClient client = await OpenAsync();
        byte[] subject = await ManifestAsync(client, subject: null);
        Digest digest = await client.PutManifestAsync(Repository, "model", MediaTypes.OciManifest, subject, Cancellation);
        byte[] referrer = await ManifestAsync(client, new Descriptor { MediaType = MediaTypes.OciManifest, Digest = digest, Size = subject.Length });
        Digest expected = await client.PutManifestAsync(Repository, Digest.Sha256Of(referrer).ToString(), MediaTypes.OciManifest, referrer, Cancellation);

        Assert.AreEqual(expected, (await client.ListReferrersAsync(Repository, digest, "application/x-referrer", Cancellation)).Single().Digest);
        Assert.IsEmpty(await client.ListReferrersAsync(Repository, digest, "application/x-other", Cancellation));
    }

    [TestMethod]
    public async Task MountBlob_FromARepositoryThatHasIt_NeedsNoBytes()
    {
        using RegistryClient client = await OpenAsync();
        await client.PutBlobAsync(Repository, ContentDigest, new ReadOnlySequence<byte>(Content), Cancellation);
        Assert.IsTrue(await client.MountBlobAsync("models/2", ContentDigest, Repository, Cancellation));
        Assert.IsFalse(await client.MountBlobAsync("models/2", Digest.Sha256Of([1]), Repository, Cancellation));
        Assert.AreEqual(Content.Length, await client.HeadBlobAsync("models/2", ContentDigest, Cancellation));
    }

    /// <summary>A client of an empty registry.</summary>
    protected abstract Task<RegistryClient> OpenAsync();

    private async Task<byte[]> ManifestAsync(RegistryClient client, Descriptor? subject)
    {
        byte[] config = Encoding.ASCII.GetBytes("{}");
        await client.PutBlobAsync(Repository, Digest.Sha256Of(config), new ReadOnlySequence<byte>(config), Cancellation);
        return new Manifest
        {
            ArtifactType = subject is null ? "application/x-model" : "application/x-referrer",
            Config = new Descriptor { MediaType = MediaTypes.OciEmpty, Digest = Digest.Sha256Of(config), Size = config.Length },
            Subject = subject,
        }.Encode();
    }

    private async Task<byte[]> GetAsync(RegistryClient client, long offset, long length)
    {
        await using Stream stream = await client.GetBlobAsync(Repository, ContentDigest, Content.Length, offset, length, Cancellation);
        using var copy = new MemoryStream();
        await stream.CopyToAsync(copy, Cancellation);
        return copy.ToArray();
    }

    private async Task<string[]> TagsAsync(RegistryClient client)
    {
        var tags = new List<string>();
        await foreach (string tag in client.ListTagsAsync(Repository, Cancellation))
        {
            tags.Add(tag);
        }

        return [.. tags];
    }
}

[TestClass]
public sealed class FakeRegistryClientTests : RegistryClientContract
{
    protected override Task<RegistryClient> OpenAsync() => Task.FromResult(new RegistryClient(new RegistryClientOptions { Address = "https://registry.test", Handler = new FakeRegistry() }));
}

[TestClass]
public sealed class RealRegistryClientTests : RegistryClientContract
{
    private TestRegistry? _registry;

    [TestCleanup]
    public async Task StopAsync()
    {
        if (_registry is not null)
        {
            await _registry.DisposeAsync();
        }
    }

    /// <summary>With grants, which the client must bring.</summary>
    protected override async Task<RegistryClient> OpenAsync()
    {
        TestRegistry registry = _registry = await TestRegistry.StartAsync(options => options.Anonymous = false);
        string[] all = ["pull", "push", "delete"];
        string grant = registry.Grant(TimeSpan.FromHours(1), "test", ("models/1", all), ("models/2", all));
        return new RegistryClient(new RegistryClientOptions { Address = registry.Address, Grants = new StaticGrantSource(grant) });
    }
}

[TestClass]
public sealed class UnixSocketRegistryClientTests : RegistryClientContract
{
    private readonly string _socket = Path.Combine(Path.GetTempPath(), $"mp-{Guid.NewGuid():N}.sock");
    private TestRegistry? _registry;

    [TestCleanup]
    public async Task StopAsync()
    {
        if (_registry is not null)
        {
            await _registry.DisposeAsync();
        }
    }

    protected override async Task<RegistryClient> OpenAsync()
    {
        _registry = await TestRegistry.StartAsync(options => options.Listen = ["http://127.0.0.1:0", "unix://" + _socket]);
        return new RegistryClient(new RegistryClientOptions { Address = "unix://" + _socket });
    }
}
