using AiModels.Registry.Tests.Server.Api;

namespace AiModels.Registry.Tests.Server.S3;

/// <summary>Uploads in all their forms, over a bucket.</summary>
[TestClass]
public sealed class S3BlobUploadTests : BlobUploadTests
{
    private TestBucket _bucket = null!;

    private protected override async Task PrepareAsync() => _bucket = await TestBucket.CreateAsync(Token);

    private protected override void Configure(RegistryOptions options) => _bucket.Configure(options);
}
