using AiModels.Registry.Storage.Backends.S3;
using AiModels.Registry.Tests.Server.Api;

namespace AiModels.Registry.Tests.Server.S3;

/// <summary>Blobs, ranges and validators, over a bucket.</summary>
[TestClass]
public sealed class S3BlobTests : BlobTests
{
    private TestBucket _bucket = null!;

    private protected override async Task PrepareAsync() => _bucket = await TestBucket.CreateAsync(Token);

    private protected override void Configure(RegistryOptions options) => _bucket.Configure(options);

    private protected override async Task AssertNothingIsStagedAsync()
    {
        using S3Backend backend = _bucket.Open();

        // Negative: also what was begun in this second.
        Assert.AreEqual(0, await backend.DiscardAbandonedAsync(TimeSpan.FromSeconds(-5), Token));
    }
}
