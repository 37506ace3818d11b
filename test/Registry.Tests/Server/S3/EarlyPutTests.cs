using System.Net;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Storage;
using AiModels.Registry.Storage.Backends;
using AiModels.Registry.Storage.Backends.S3;
using AiModels.TestKit;
using AiModels.TestKit.S3;
using Microsoft.AspNetCore.Http;

namespace AiModels.Registry.Tests.Server.S3;

/// <summary>A blob goes to the bucket while it arrives, and is there when it is known to be right: not before, and not otherwise.</summary>
[TestClass]
public sealed class EarlyPutTests : ProxiedBucketTests
{
    private static readonly byte[] Content = TestRegistry.RandomBytes(3_000_000);
    private static readonly Digest OfContent = Digest.Sha256Of(Content);

    private S3Backend _backend = null!;

    [TestInitialize]
    public async Task OpenBackendAsync()
    {
        _backend = Bucket.Open();
        await _backend.PutAsync("warm/up", "x"u8.ToArray(), PutMode.IfAbsent, Token);
    }

    [TestCleanup]
    public void CloseBackend() => _backend?.Dispose();

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Blob_IsSentWhileItArrives_AndAppearsWithTheCommit()
    {
        await using IStorageWriter writer = await OpenAsync(Content.Length);
        await writer.WriteAsync(Content.AsMemory(0, 2_000_000), Token);
        await Eventually.GetAsync(() => Task.FromResult(Puts()), puts => puts == 1, "the request has begun", Token);
        Assert.IsNull(await _backend.StatAsync("blob", Token));
        await writer.WriteAsync(Content.AsMemory(2_000_000), Token);
        Assert.IsNull(await _backend.StatAsync("blob", Token), "all bytes are here, and nobody has said that they are right");

        await writer.CommitAsync("blob", Token);
        Assert.IsTrue(writer.IsProven);
        Assert.AreEqual(1, Puts());
        CollectionAssert.AreEqual(Content, await _backend.ReadAllAsync("blob", Content.Length, Token));
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    [DataRow(S3Fault.SlowDown)]
    [DataRow(S3Fault.BrokenRequest)]
    [DataRow(S3Fault.LostAnswer)]
    [DataRow(S3Fault.ChangedRequest)]
    public async Task AnAttemptThatFails_IsMadeUpFor(S3Fault fault)
    {
        int faults = 1;
        Proxy.Fault = request => HttpMethods.IsPut(request.Method) && Interlocked.Decrement(ref faults) >= 0 ? fault : null;
        await using IStorageWriter writer = await OpenAsync(Content.Length);
        await WriteAsync(writer, Content);
        await writer.CommitAsync("blob", Token);

        Assert.IsTrue(writer.IsProven);
        Assert.AreEqual(2, Puts());
        CollectionAssert.AreEqual(Content, await _backend.ReadAllAsync("blob", Content.Length, Token));
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    [DataRow(2_000_000, DisplayName = "fewer bytes than announced")]
    [DataRow(3_000_000, DisplayName = "as many as announced")]
    [DataRow(4_000_000, DisplayName = "more than announced")]
    public async Task WithoutACommit_NothingAppears(int length)
    {
        IStorageWriter writer = await OpenAsync(Content.Length);
        await WriteAsync(writer, TestRegistry.RandomBytes(length));
        await Eventually.GetAsync(() => Task.FromResult(Puts()), puts => puts == 1, "the request has begun", Token);
        await writer.DisposeAsync();
        Assert.IsNull(await _backend.StatAsync("blob", Token));
        await foreach (StorageEntry left in _backend.ListAsync("", null, Token))
        {
            Assert.AreEqual("warm/up", left.Path);
        }
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task MoreBytesThanAnnounced_AreStoredWhole()
    {
        await using IStorageWriter writer = await OpenAsync(2_500_000);
        await WriteAsync(writer, Content);
        await writer.CommitAsync("blob", Token);
        CollectionAssert.AreEqual(Content, await _backend.ReadAllAsync("blob", Content.Length, Token));
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Push_OfOtherBytes_IsRefused_AndTheRightOnesAreTaken()
    {
        await using TestRegistry registry = await TestRegistry.StartAsync(Bucket.Configure);
        byte[] wrong = [.. Content];
        wrong[^1] ^= 1;
        using (HttpResponseMessage refused = await registry.SendAsync(HttpMethod.Post, $"/v2/models/one/blobs/uploads/?digest={OfContent}", new ByteArrayContent(wrong)))
        {
            Assert.AreEqual(HttpStatusCode.BadRequest, refused.StatusCode);
        }

        Assert.IsNull(await _backend.StatAsync(StoragePaths.Blob(OfContent), Token));
        Assert.AreEqual(OfContent, await registry.PushBlobAsync("models/one", Content));
    }

    private ValueTask<IStorageWriter> OpenAsync(long length) => _backend.CreateAsync(new WriteIntent("blob", length, Digest: OfContent), Token);

    private async Task WriteAsync(IStorageWriter writer, byte[] content)
    {
        foreach (byte[] piece in content.Chunk(700_000))
        {
            await writer.WriteAsync(piece, Token);
        }
    }

    private int Puts() => Proxy.Requests.Count(request => request == $"PUT /{Bucket.Name}/blob");
}
