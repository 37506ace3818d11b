using AiModels.Hosting.CommandLine;
using AiModels.Registry.Storage.Backends.S3;
using AiModels.Registry.Tests.Server.Backends.S3;
using AiModels.TestKit;
using AiModels.TestKit.S3;

namespace AiModels.Registry.Tests.Server.S3;

/// <summary>What an operator got wrong is one line at start, which says what would be right.</summary>
[TestClass]
public sealed class S3StartTests
{
    private TestBucket _bucket = null!;
    private TemporaryFolder _folder = null!;

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Token => TestContext.CancellationToken;

    [TestInitialize]
    public async Task StartAsync()
    {
        _folder = new TemporaryFolder();
        _bucket = await TestBucket.CreateAsync(Token);
    }

    [TestCleanup]
    public void Stop() => _folder.Dispose();

    [TestMethod]
    public async Task Bucket_ThatDoesNotExist_IsNamed() => await RefusedAsync(options => options.Storage = "s3:no-such-bucket", "Storage (s3): check: there is no bucket 'no-such-bucket'");

    [TestMethod]
    [DataRow("UNKNOWN", "mainsecret", "does not know the access key in ")]
    [DataRow("MAINKEY", "wrong", "secretKey does not belong to the access key")]
    [DataRow("MAINKEY", "", "secretKey is empty")]
    [DataRow("MAINKEY", null, "secretKey is missing")]
    [DataRow("FULLKEY", "fullsecret", "may not do this in bucket")]
    public async Task Credentials_ThatAreWrong_AreToldByTheirFile(string accessKey, string? secretKey, string expected)
    {
        await File.WriteAllTextAsync(_folder.Combine("accessKey"), accessKey, Token);
        if (secretKey is not null)
        {
            await File.WriteAllTextAsync(_folder.Combine("secretKey"), secretKey, Token);
        }

        await RefusedAsync(options => options.S3Credentials = _folder.Path, expected);
    }

    [TestMethod]
    public async Task Clock_ThatDiffers_IsTold()
    {
        await using S3FaultProxy proxy = await S3FaultProxy.StartAsync(_bucket.Endpoint);
        proxy.Fault = _ => S3Fault.Skewed;
        await RefusedAsync(options => options.S3Endpoint = proxy.Endpoint.GetLeftPart(UriPartial.Authority), "clock differs too much");
    }

    [TestMethod]
    public async Task Certificate_OfAnUnknownAuthority_NeedsCaFileOrInsecure()
    {
        await using S3FaultProxy proxy = await S3FaultProxy.StartAsync(_bucket.Endpoint, isHttps: true);
        string endpoint = proxy.Endpoint.GetLeftPart(UriPartial.Authority);
        await RefusedAsync(options => options.S3Endpoint = endpoint, "is not trusted");

        using S3Backend trusting = Open(new S3Options { Bucket = _bucket.Name, CredentialsFolder = _bucket.Credentials, Endpoint = new Uri(endpoint), UsePathStyle = true, CaFile = TestAuthority.Shared.PemFile });
        await trusting.CheckAsync(Token);
        using S3Backend insecure = Open(new S3Options { Bucket = _bucket.Name, CredentialsFolder = _bucket.Credentials, Endpoint = new Uri(endpoint), UsePathStyle = true, IsInsecure = true });
        await insecure.CheckAsync(Token);

        // As a mounted Secret has it.
        foreach (string name in (string[])["accessKey", "secretKey"])
        {
            File.Copy(Path.Combine(_bucket.Credentials, name), _folder.Combine(name));
        }

        File.Copy(TestAuthority.Shared.PemFile, _folder.Combine("ca.crt"));
        using S3Backend mounted = Open(new S3Options { Bucket = _bucket.Name, CredentialsFolder = _folder.Path, Endpoint = new Uri(endpoint), UsePathStyle = true });
        await mounted.CheckAsync(Token);
    }

    private static S3Backend Open(S3Options options) => SharedRadosGateway.Open(options);

    /// <summary>Starts the program and expects that one line.</summary>
    private async Task RefusedAsync(Action<RegistryOptions> mistake, string expected)
    {
        var options = new RegistryOptions { Listen = ["http://127.0.0.1:0"], Anonymous = true };
        _bucket.Configure(options);
        mistake(options);
        BadOptionException failure = await Assert.ThrowsExactlyAsync<BadOptionException>(() => RegistryProgram.ServeAsync(options, Token));
        StringAssert.StartsWith(failure.Message, "--storage:");
        StringAssert.Contains(failure.Message, expected);
        Assert.DoesNotContain('\n', failure.Message);
    }
}
