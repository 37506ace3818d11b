using System.Net;
using System.Net.Http.Headers;
using AiModels.Registry.Storage.Backends;
using AiModels.Registry.Storage.Backends.S3;
using AiModels.Registry.Tests.Server.Backends.S3;
using AiModels.TestKit;
using AiModels.TestKit.S3;
using Microsoft.AspNetCore.Http;

namespace AiModels.Registry.Tests.Server.S3;

/// <summary>What the backend does when the way to the bucket is bad. A proxy before the real server fails what a test says.</summary>
[TestClass]
public sealed class S3FaultTests : ProxiedBucketTests
{
    private S3Backend _backend = null!;
    private int _faults;

    [TestInitialize]
    public async Task OpenBackendAsync()
    {
        _backend = SharedRadosGateway.Open(new S3Options
        {
            Bucket = Bucket.Name,
            Endpoint = Proxy.Endpoint,
            CredentialsFolder = Bucket.Credentials,
            UsePathStyle = true,
            FirstRetryDelay = TimeSpan.FromMilliseconds(5),
            Patience = TimeSpan.FromSeconds(2),
            SinglePutLimit = 1_000_000,
            PartSize = 5 * 1024 * 1024,
        });

        // What the server can do is found now, so that faults meet the requests they are meant for.
        await _backend.PutAsync("warm/up", "x"u8.ToArray(), PutMode.IfAbsent, Token);
    }

    [TestCleanup]
    public void CloseBackend() => _backend?.Dispose();

    [TestMethod]
    public async Task SlowDown_AFewTimes_IsTriedAgain()
    {
        byte[] content = TestRegistry.RandomBytes(11_000_000);
        Fail(S3Fault.SlowDown, 4, HttpMethods.IsPut);
        await WriteAsync("big", content);
        Assert.IsLessThanOrEqualTo(0, _faults);
        CollectionAssert.AreEqual(content, await _backend.ReadAllAsync("big", content.Length, Token));
    }

    [TestMethod]
    public async Task SlowDown_ForEver_IsUnavailableAfterBoundedAttempts()
    {
        Fail(S3Fault.SlowDown, int.MaxValue, _ => true);
        int before = Proxy.Requests.Count;
        StorageUnavailableException failure = await Assert.ThrowsExactlyAsync<StorageUnavailableException>(async () => await _backend.StatAsync("x", Token));
        StringAssert.Contains(failure.Message, "503");
        Assert.AreEqual(7, Proxy.Requests.Count - before);
    }

    [TestMethod]
    [DataRow(S3Fault.BrokenRequest)]
    [DataRow(S3Fault.LostAnswer)]
    public async Task Write_ConnectionsThatBreak_AreReplaced(S3Fault fault)
    {
        byte[] content = TestRegistry.RandomBytes(11_000_000);
        Fail(fault, 5, method => HttpMethods.IsPut(method) || HttpMethods.IsPost(method));
        await WriteAsync("big", content);
        CollectionAssert.AreEqual(content, await _backend.ReadAllAsync("big", content.Length, Token));
    }

    [TestMethod]
    public async Task PutIfAbsent_WhoseAnswerIsLost_KnowsThatItWon()
    {
        Fail(S3Fault.LostAnswer, 1, HttpMethods.IsPut);
        Assert.IsTrue(await _backend.PutAsync("claim", "mine"u8.ToArray(), PutMode.IfAbsent, Token));
        Fail(S3Fault.LostAnswer, 1, HttpMethods.IsPut);
        Assert.IsFalse(await _backend.PutAsync("claim", "mine"u8.ToArray(), PutMode.IfAbsent, Token));
    }

    [TestMethod]
    [DataRow(S3Fault.CutAnswer)]
    [DataRow(S3Fault.SilentAnswer)]
    public async Task Read_ThatStopsInTheMiddle_GoesOnWhereItWas(S3Fault fault)
    {
        byte[] content = TestRegistry.RandomBytes(2_000_000);
        await WriteAsync("x", content);
        Fail(fault, 2, HttpMethods.IsGet);
        CollectionAssert.AreEqual(content, await _backend.ReadAllAsync("x", content.Length, Token));
        Assert.IsLessThanOrEqualTo(0, _faults);
    }

    [TestMethod]
    public async Task Read_OfWhatIsReplacedInTheMiddle_NeverMixes()
    {
        await WriteAsync("x", TestRegistry.RandomBytes(2_000_000));
        Fail(S3Fault.CutAnswer, 1, HttpMethods.IsGet);
        await using StorageReader reader = (await _backend.OpenReadAsync("x", 0, Token))!;
        await WriteAsync("x", TestRegistry.RandomBytes(2_000_000));
        IOException failure = await Assert.ThrowsExactlyAsync<IOException>(async () => await reader.Content.CopyToAsync(Stream.Null, Token));
        StringAssert.Contains(failure.Message, "deleted or replaced");
    }

    [TestMethod]
    public async Task Silence_IsGivenUpAndTriedAgain()
    {
        Fail(S3Fault.Silence, 1, HttpMethods.IsHead);
        Assert.AreEqual(1, (await _backend.StatAsync("warm/up", Token))!.Value.Length);
    }

    [TestMethod]
    public async Task ConditionalPuts_TheServerDoesNotHave_AreMadeUpForInOneProcess()
    {
        using S3Backend plain = SharedRadosGateway.Open(SharedRadosGateway.OptionsOf(Bucket.Name, Proxy.Endpoint, Bucket.Credentials));
        Proxy.Fault = request => request.Headers.IfNoneMatch.Count > 0 ? S3Fault.NotImplemented : null;
        bool[] won = await Task.WhenAll(Enumerable.Range(0, 8).Select(async i => await plain.PutAsync("one", new[] { (byte)i }, PutMode.IfAbsent, Token)));
        Assert.AreEqual(1, won.Count(isWinner => isWinner));
    }

    [TestMethod]
    public async Task Credentials_ThatAreRotated_AreTakenUpWithoutARestart()
    {
        using var folder = new TemporaryFolder();
        string key = "ROTATED" + Guid.NewGuid().ToString("N")[..8].ToUpperInvariant();
        await Bucket.Gateway.AdministerAsync(Token, "key", "create", "--uid=main", "--key-type=s3", $"--access-key={key}", "--secret=soon-gone");
        await File.WriteAllTextAsync(folder.Combine("accessKey"), key + "\n", Token);
        await File.WriteAllTextAsync(folder.Combine("secretKey"), "soon-gone\n", Token);
        using S3Backend backend = SharedRadosGateway.Open(SharedRadosGateway.OptionsOf(Bucket.Name, Bucket.Endpoint, folder.Path));
        Assert.IsNotNull(await backend.StatAsync("warm/up", Token));

        await Bucket.Gateway.AdministerAsync(Token, "key", "rm", "--uid=main", "--key-type=s3", $"--access-key={key}");
        IOException failure = await Eventually.GetAsync(() => ProblemOfAsync(backend), problem => problem is not null, "the revoked key is refused", Token) ?? throw new InvalidOperationException();
        StringAssert.Contains(failure.Message, "does not know the access key");
        foreach (string name in (string[])["accessKey", "secretKey"])
        {
            File.Copy(Path.Combine(Bucket.Gateway.SecondCredentials, name), folder.Combine(name), overwrite: true);
        }

        Assert.IsNotNull(await backend.StatAsync("warm/up", Token));
        await backend.CheckAsync(Token);
    }

    [TestMethod]
    public async Task Bucket_ThatIsFull_Is507AndTakesWhatStillFits()
    {
        TestBucket limited = await TestBucket.CreateLimitedAsync(Token);
        await using TestRegistry registry = await TestRegistry.StartAsync(limited.Configure);
        await registry.PushBlobAsync("models/one", TestRegistry.RandomBytes(100_000));
        byte[] large = TestRegistry.RandomBytes(6_000_000);
        using HttpResponseMessage refused = await registry.SendAsync(
            HttpMethod.Post, $"/v2/models/one/blobs/uploads/?digest={AiModels.ModelPack.Oci.Digest.Sha256Of(large)}", new ByteArrayContent(large));
        Assert.AreEqual(HttpStatusCode.InsufficientStorage, refused.StatusCode);
        await registry.PushBlobAsync("models/one", TestRegistry.RandomBytes(100_000));
    }

    [TestMethod]
    public async Task Storage_ThatDoesNotAnswer_Is503WithRetryAfterAndUnready()
    {
        await using TestRegistry registry = await TestRegistry.StartAsync(Bucket.Configure);
        Assert.AreEqual(HttpStatusCode.OK, (await registry.GetAsync("/readyz")).StatusCode);
        Fail(S3Fault.SlowDown, int.MaxValue, _ => true);
        Task<HttpResponseMessage> asking = registry.GetAsync("/readyz");
        using HttpResponseMessage response = await registry.GetAsync($"/v2/models/one/blobs/{AiModels.ModelPack.Oci.Digest.Sha256Of([])}");
        Assert.AreEqual(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.AreEqual(new RetryConditionHeaderValue(TimeSpan.FromSeconds(5)), response.Headers.RetryAfter);
        using HttpResponseMessage ready = await asking;
        Assert.IsFalse(ready.IsSuccessStatusCode);
    }

    private static async Task<IOException?> ProblemOfAsync(S3Backend backend)
    {
        try
        {
            await backend.CheckAsync(CancellationToken.None);
            return null;
        }
        catch (IOException failure)
        {
            return failure;
        }
    }

    /// <summary>The next requests with such a method fail, so many of them.</summary>
    private void Fail(S3Fault fault, int count, Func<string, bool> isMeant)
    {
        _faults = count;
        Proxy.Fault = request => isMeant(request.Method) && Interlocked.Decrement(ref _faults) >= 0 ? fault : null;
    }

    private async Task WriteAsync(string path, byte[] content)
    {
        await using IStorageWriter writer = await _backend.CreateAsync(new WriteIntent(path, content.Length), Token);
        await writer.WriteAsync(content, Token);
        await writer.CommitAsync(path, Token);
    }
}
