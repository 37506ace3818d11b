using AiModels.Registry.Api;

namespace AiModels.Registry.Tests.Server.S3;

/// <summary>Clients that know nothing of us, sent to the bucket for the bytes.</summary>
[TestClass]
public sealed class S3StockClientTests : StockClientTests
{
    private protected override async Task<TestRegistry> StartAsync()
    {
        TestBucket bucket = await TestBucket.CreateAsync(TestContext.CancellationToken);
        return await TestRegistry.StartAsync(options =>
        {
            bucket.Configure(options);
            options.Anonymous = false;
            options.S3Redirects = RedirectMode.On;
        });
    }
}
