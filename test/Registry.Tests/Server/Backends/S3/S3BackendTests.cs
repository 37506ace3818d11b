using System.Diagnostics.Metrics;
using AiModels.Registry.Storage;
using AiModels.Registry.Storage.Backends;
using AiModels.Registry.Storage.Backends.S3;
using AiModels.TestKit.S3;
using Microsoft.Extensions.DependencyInjection;

namespace AiModels.Registry.Tests.Server.Backends.S3;

/// <summary>The bucket keeps the same promises as the folder, against a real S3 server.</summary>
[TestClass]
public sealed class S3BackendTests : StorageBackendContract
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private RadosGateway _gateway = null!;
    private S3Options _options = null!;
    private S3Backend _s3 = null!;
    private IStorageBackend _backend = null!;

    private protected override IStorageBackend Backend => _backend;

    [TestInitialize]
    public async Task OpenAsync()
    {
        _gateway = await SharedRadosGateway.GetAsync(Token);
        _options = SharedRadosGateway.OptionsOf(await _gateway.CreateBucketAsync(Token), _gateway.Endpoint, _gateway.Credentials);
        _s3 = SharedRadosGateway.Open(_options);
        _backend = new MeasuredBackend(_s3, new RegistryMetrics(_services.GetRequiredService<IMeterFactory>()));
    }

    [TestCleanup]
    public void Close()
    {
        _s3?.Dispose();
        _services.Dispose();
    }

    [TestMethod]
    [DataRow(8 * 1024 * 1024)]
    [DataRow((8 * 1024 * 1024) + 1)]
    [DataRow(25_000_000)]
    public async Task Writer_OfUnknownLength_SendsPartsAndReadsBack(int length)
    {
        byte[] content = await WriteAsync(new WriteIntent("big", null), "big", length);
        CollectionAssert.AreEqual(content, await Backend.ReadAllAsync("big", length, Token));
    }

    [TestMethod]
    [DataRow(16 * 1024 * 1024, true)]
    [DataRow((16 * 1024 * 1024) + 1, false)]
    public async Task Writer_UpToTheLimit_IsProvenByTheServer(int length, bool isProven)
    {
        await using IStorageWriter writer = await Backend.CreateAsync(new WriteIntent("blob", length), Token);
        await writer.WriteAsync(TestRegistry.RandomBytes(length), Token);
        Assert.IsFalse(writer.IsProven);
        await writer.CommitAsync("blob", Token);
        Assert.AreEqual(isProven, writer.IsProven);
    }

    [TestMethod]
    public async Task Writer_WithPartsTrusted_IsProvenByItsParts()
    {
        using S3Backend trusting = SharedRadosGateway.Open(new S3Options
        {
            Bucket = _options.Bucket,
            Endpoint = _options.Endpoint,
            CredentialsFolder = _options.CredentialsFolder,
            UsePathStyle = true,
            Verification = S3Verification.Parts,
        });
        await using IStorageWriter writer = await trusting.CreateAsync(new WriteIntent("blob", 20_000_000), Token);
        await writer.WriteAsync(TestRegistry.RandomBytes(20_000_000), Token);
        await writer.CommitAsync("blob", Token);
        Assert.IsTrue(writer.IsProven);
    }

    [TestMethod]
    public async Task Writer_MoreThanAnnounced_IsWhatCame()
    {
        byte[] content = await WriteAsync(new WriteIntent("long", 10), "long", 9_000_000);
        CollectionAssert.AreEqual(content, await Backend.ReadAllAsync("long", content.Length, Token));
    }

    [TestMethod]
    public async Task Writer_CommittedElsewhere_IsThereOnly()
    {
        byte[] content = await WriteAsync(new WriteIntent(null, null), "elsewhere", 18_000_000);
        CollectionAssert.AreEqual(content, await Backend.ReadAllAsync("elsewhere", content.Length, Token));
        Assert.AreEqual(0, await _s3.DiscardAbandonedAsync(TimeSpan.Zero, Token));
    }

    [TestMethod]
    public async Task Compose_OfLargeAndSmall_ConcatenatesInOrder()
    {
        // Parts that S3 would refuse as too small stand before, between and behind large ones.
        int[] lengths = [3, 7_000_000, 100, 4_000_000, 2_000_000, 6_000_000, 11];
        byte[][] parts = [.. lengths.Select(TestRegistry.RandomBytes)];
        for (int i = 0; i < parts.Length; i++)
        {
            await Backend.PutAsync($"parts/{i}", parts[i], PutMode.Replace, Token);
        }

        await Backend.ComposeAsync([.. Enumerable.Range(0, parts.Length).Select(i => $"parts/{i}")], "whole", Token);
        CollectionAssert.AreEqual(parts.SelectMany(part => part).ToArray(), await Backend.ReadAllAsync("whole", lengths.Sum(), Token));
        Assert.AreEqual(0, await Backend.DeleteFolderAsync("parts/", Token));
    }

    [TestMethod]
    public async Task Writer_ThatWasKilled_IsDiscardedWhenItIsOld()
    {
        // As a crash leaves it: an upload that nobody completes or aborts.
        IStorageWriter writer = await _s3.CreateAsync(new WriteIntent("lost", null), Token);
        await writer.WriteAsync(new byte[20_000_000], Token);
        Assert.AreEqual(0, await _s3.DiscardAbandonedAsync(TimeSpan.FromMinutes(10), Token));

        // Negative: a test need not wait until the server's clock shows the next second.
        Assert.AreEqual(1, await _s3.DiscardAbandonedAsync(TimeSpan.FromSeconds(-5), Token));
        Assert.AreEqual(0, await _s3.DiscardAbandonedAsync(TimeSpan.FromSeconds(-5), Token));
        await writer.DisposeAsync();
        Assert.IsNull(await Backend.StatAsync("lost", Token));
    }

    [TestMethod]
    public async Task Put_IfAbsentFromTwoProcesses_OneWins()
    {
        using S3Backend other = SharedRadosGateway.Open(_options);
        for (int i = 0; i < 10; i++)
        {
            bool[] won = await Task.WhenAll(Put(_s3, i), Put(other, i));
            Assert.AreEqual(1, won.Count(isWinner => isWinner));
        }

        async Task<bool> Put(S3Backend backend, int round) => await backend.PutAsync($"locks/{round}", "x"u8.ToArray(), PutMode.IfAbsent, Token);
    }

    [TestMethod]
    public async Task List_OfManyPages_TellsEachOnce()
    {
        await Parallel.ForAsync(0, 1100, new ParallelOptions { MaxDegreeOfParallelism = 16, CancellationToken = Token }, async (i, token) =>
            await Backend.PutAsync($"many/{i:D5}", ReadOnlyMemory<byte>.Empty, PutMode.Replace, token));
        var paths = new List<string>();
        await foreach (StorageEntry entry in Backend.ListAsync("many/", null, Token))
        {
            paths.Add(entry.Path);
        }

        CollectionAssert.AreEqual(Enumerable.Range(0, 1100).Select(i => $"many/{i:D5}").ToArray(), paths);
    }

    [TestMethod]
    [DataRow("\u0001", "a,b")]
    [DataRow("a\u0001", "b")]
    [DataRow("a\ud83d\ude00", "b")]
    [DataRow("LONG", "")]
    public async Task Tags_AfterATextThatIsNoKey_GoOnInOrder(string last, string expected)
    {
        foreach (string tag in (string[])["a", "b"])
        {
            await Backend.PutAsync(StoragePaths.Tag("models/one", tag), "x"u8.ToArray(), PutMode.Replace, Token);
        }

        var found = new List<string>();
        await foreach (string tag in new TagStore(Backend).ListAsync("models/one", last == "LONG" ? new string('z', 5000) : last, Token))
        {
            found.Add(tag);
        }

        Assert.AreEqual(expected, string.Join(',', found));
    }

    [TestMethod]
    public async Task DirectLink_GivesTheBytesWithoutCredentials()
    {
        await Backend.PutAsync("a/b", "0123456789"u8.ToArray(), PutMode.Replace, Token);
        Uri link = (await Backend.GetDirectLinkAsync("a/b", TimeSpan.FromMinutes(1), Token))!;
        using var http = new HttpClient();
        Assert.AreEqual("0123456789", await http.GetStringAsync(link, Token));
        Assert.AreEqual(System.Net.HttpStatusCode.Forbidden, (await http.GetAsync(new Uri(link.GetLeftPart(UriPartial.Path)), Token)).StatusCode);
    }

    private async Task<byte[]> WriteAsync(WriteIntent intent, string path, int length)
    {
        byte[] content = TestRegistry.RandomBytes(length);
        await using IStorageWriter writer = await Backend.CreateAsync(intent, Token);
        for (int offset = 0; offset < length; offset += 1_000_000)
        {
            await writer.WriteAsync(content.AsMemory(offset, Math.Min(1_000_000, length - offset)), Token);
        }

        Assert.IsNull(await Backend.StatAsync(path, Token), "nothing may be seen before the commit");
        await writer.CommitAsync(path, Token);
        return content;
    }
}
