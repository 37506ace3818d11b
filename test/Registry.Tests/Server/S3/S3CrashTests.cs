using AiModels.ModelPack.Oci;
using AiModels.Registry.Storage;
using AiModels.Registry.Storage.Backends;
using AiModels.Registry.Storage.Backends.S3;

namespace AiModels.Registry.Tests.Server.S3;

/// <summary>The crash test over a bucket. AIMODELS_S3_CRASH_ROUNDS makes it as long as one wants.</summary>
[TestClass]
public sealed class S3CrashTests
{
    private static readonly int Rounds = int.TryParse(Environment.GetEnvironmentVariable("AIMODELS_S3_CRASH_ROUNDS"), out int rounds) ? rounds : 3;

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Token => TestContext.CancellationToken;

    [TestMethod]
    public async Task Kill_AtRandomInstants_LosesNothingThatWasAcknowledged()
    {
        TestBucket bucket = await TestBucket.CreateAsync(Token);
        await CrashTests.KillAsync(bucket.Storage, Rounds, Token, bucket.Arguments);

        using S3Backend backend = bucket.Open();
        await AssertEveryStoredBlobIsWholeAsync(backend);

        // What the kills left unfinished is nobody's, and can be ended.
        await backend.DiscardAbandonedAsync(TimeSpan.FromSeconds(-5), Token);
        Assert.AreEqual(0, await backend.DiscardAbandonedAsync(TimeSpan.FromSeconds(-5), Token));
    }

    private async Task AssertEveryStoredBlobIsWholeAsync(S3Backend backend)
    {
        await foreach (StorageEntry blob in backend.ListAsync(StoragePaths.Blobs, null, Token))
        {
            Assert.IsTrue(StoragePaths.TryReadBlob(blob.Path, out Digest digest), blob.Path);
            Assert.AreEqual(digest, Digest.Sha256Of((await backend.ReadAllAsync(blob.Path, int.MaxValue, Token))!));
        }
    }
}
