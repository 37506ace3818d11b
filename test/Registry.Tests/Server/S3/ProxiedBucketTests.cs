using AiModels.TestKit.S3;

namespace AiModels.Registry.Tests.Server.S3;

/// <summary>Tests with a bucket of their own behind a proxy, which fails what a test wants failed.</summary>
public abstract class ProxiedBucketTests
{
    public TestContext TestContext { get; set; } = null!;

    private protected TestBucket Bucket { get; private set; } = null!;

    private protected S3FaultProxy Proxy { get; private set; } = null!;

    protected CancellationToken Token => TestContext.CancellationToken;

    [TestInitialize]
    public async Task OpenBucketAsync()
    {
        Bucket = await TestBucket.CreateAsync(Token);
        Proxy = await S3FaultProxy.StartAsync(Bucket.Endpoint);
        Bucket.Endpoint = Proxy.Endpoint;
    }

    [TestCleanup]
    public async Task CloseBucketAsync()
    {
        if (Proxy is not null)
        {
            await Proxy.DisposeAsync();
        }
    }
}
