using AiModels.ModelPack.Oci;
using AiModels.Registry.GarbageCollection;
using AiModels.Registry.Storage;
using AiModels.Registry.Storage.Backends;
using AiModels.Registry.Storage.Backends.FileSystem;

namespace AiModels.Registry.Tests.Server.GarbageCollection;

/// <summary>
/// Collections where several processes share a storage and know nothing of each other but what is in it. AIMODELS_RACE_SECONDS makes the race as long as one wants.
/// </summary>
[TestClass]
public sealed class SharedCollectionTests
{
    private const string Repo = "models/one";

    private static readonly TimeSpan RaceTime =
        TimeSpan.FromSeconds(int.TryParse(Environment.GetEnvironmentVariable("AIMODELS_RACE_SECONDS"), out int seconds) ? seconds : 8);

    private static readonly byte[] Own = TestRegistry.RandomBytes(2000);

    private readonly TemporaryFolder _folder = new();
    private readonly RegistryOptions _options = new() { GcGrace = TimeSpan.Zero, UnsealedExpiry = TimeSpan.Zero, UntaggedExpiry = TimeSpan.Zero };
    private FileSystemBackend _backend = null!;
    private SharedStorage _storage = null!;
    private Replica _one = null!;
    private Replica _other = null!;

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Token => TestContext.CancellationToken;

    [TestInitialize]
    public void Open()
    {
        _backend = new FileSystemBackend(new FileSystemOptions { Root = _folder.Combine("store") });
        _storage = new SharedStorage(_backend, _folder.Combine("store"));
        _one = new Replica(_storage, _options, TimeProvider.System);
        _other = new Replica(_storage, _options, TimeProvider.System);
    }

    [TestCleanup]
    public void Close()
    {
        _one.Dispose();
        _other.Dispose();
        _backend.Dispose();
        _folder.Dispose();
    }

    [TestMethod]
    public async Task Collect_UnheldBlob_IsCondemnedFirstAndFreedOnlyAfterTheGrace()
    {
        Digest digest = await UnheldAsync();

        CollectionState first = await CollectAsync(_one);
        Assert.AreEqual(0, first.FreedBlobs);
        Assert.IsNotNull(await _storage.StatAsync(StoragePaths.CondemnedNote(digest), Token));

        CollectionState early = await CollectAsync(_other);
        Assert.AreEqual(0, early.FreedBlobs, "others may still be about to refer to it");

        _storage.Age(TimeSpan.FromHours(1));
        CollectionState late = await CollectAsync(_other);
        Assert.AreEqual(1, late.FreedBlobs);
        Assert.IsNull(await _storage.StatAsync(StoragePaths.Blob(digest), Token));
        Assert.IsEmpty(await PathsAsync("collection/condemned/"));
        Assert.IsEmpty(await PathsAsync("collection/verdicts/"));
    }

    [TestMethod]
    public async Task Push_OfACondemnedBlobByAnotherProcess_RescuesIt()
    {
        Digest digest = await UnheldAsync();
        await CollectAsync(_one);
        _storage.Age(TimeSpan.FromHours(1));

        await _other.PushAsync(Repo, Own, Token);
        byte[] manifest = TestRegistry.Image(Own);
        await _other.PushAsync(Repo, "{}"u8.ToArray(), Token);
        Assert.IsTrue(await _other.TrySealAsync(Repo, "model", manifest, Token));

        for (int i = 0; i < 3; i++)
        {
            Assert.AreEqual(0, (await CollectAsync(_one)).FreedBlobs);
        }

        Assert.IsNotNull(await _storage.StatAsync(StoragePaths.Blob(digest), Token));
        Assert.IsEmpty(await PathsAsync("collection/condemned/"), "it is acquitted");
    }

    [TestMethod]
    public async Task Collect_LinkThatNothingNeedsToABlobThatOthersHold_GoesAfterTheGraceAndTheBlobStays()
    {
        Digest digest = await _one.PushAsync(Repo, Own, Token);
        await _one.PushAsync("models/two", Own, Token);
        await _one.PushAsync("models/two", "{}"u8.ToArray(), Token);
        Assert.IsTrue(await _one.TrySealAsync("models/two", "model", TestRegistry.Image(Own), Token));
        _storage.Age(TimeSpan.FromSeconds(1));
        await CollectAsync(_one);
        await CollectAsync(_other);
        Assert.IsNotNull(await _storage.StatAsync(StoragePaths.BlobLink(Repo, digest), Token));

        _storage.Age(TimeSpan.FromHours(1));
        Assert.AreEqual(1, (await CollectAsync(_one)).DroppedLinks);
        Assert.IsNull(await _storage.StatAsync(StoragePaths.BlobLink(Repo, digest), Token));
        Assert.IsNotNull(await _storage.StatAsync(StoragePaths.Blob(digest), Token));
    }

    [TestMethod]
    public async Task Push_WhileTheVerdictIsSwept_WaitsUntilTheBlobIsGoneAndBringsItAnew()
    {
        Digest digest = await UnheldAsync();
        await CollectAsync(_one);
        string id = System.Text.Encoding.ASCII.GetString((await _storage.ReadAllAsync(StoragePaths.CondemnedNote(digest), 100, Token))!);
        await _storage.PutAsync(StoragePaths.Verdict(id), "swept"u8.ToArray(), PutMode.IfAbsent, Token);

        Task<Digest> push = _other.PushAsync(Repo, Own, Token);
        _storage.Age(TimeSpan.FromHours(1));
        CollectionState state = await CollectAsync(_one);
        Assert.AreEqual(1, state.FreedBlobs, "the interrupted deletion goes on");
        await push;
        Assert.IsNotNull(await _storage.StatAsync(StoragePaths.Blob(digest), Token));
    }

    [TestMethod]
    public async Task Collect_WhileAnotherProcessCollects_DoesNothing()
    {
        var lease = new CollectionLease(_storage, TimeProvider.System);
        Assert.IsTrue(await lease.TryAcquireAsync(Token));
        Assert.IsNull(await _other.Collector.TryCollectAsync(Token));

        _storage.Age(CollectionLease.Lifetime + TimeSpan.FromSeconds(1));
        Assert.IsNotNull(await _other.Collector.TryCollectAsync(Token), "one that died does not hold it for ever");
    }

    [TestMethod]
    public async Task Lease_OpenedByManyAtOnce_IsHeldByOne()
    {
        for (int round = 0; round < 20; round++)
        {
            bool[] winners = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => new CollectionLease(_storage, TimeProvider.System).TryAcquireAsync(Token), Token)));
            Assert.AreEqual(1, winners.Count(isWinner => isWinner));
            _storage.Age(CollectionLease.Lifetime + TimeSpan.FromSeconds(1));
        }
    }

    /// <summary>Two processes push and mount blobs about to be swept, and both collect: no manifest ever names a missing blob.</summary>
    [TestMethod]
    [Timeout(300_000, CooperativeCancellation = true)]
    public async Task Race_OfPushersAndCollectorsInTwoProcesses_NeverBreaksAManifest()
    {
        _options.GcCondemnedGrace = TimeSpan.FromSeconds(3);
        byte[][] layers = [.. Enumerable.Range(0, 30).Select(_ => TestRegistry.RandomBytes(500))];
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        long freed = 0;
        int named = 0;
        Task[] collectors = [.. new[] { _one, _other }.Select(replica => Task.Run(
            async () =>
            {
                while (!stop.IsCancellationRequested)
                {
                    Interlocked.Add(ref freed, (await replica.Collector.TryCollectAsync(Token))?.FreedBlobs ?? 0);
                    await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, Token);
                }
            },
            Token))];
        long began = TimeProvider.System.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(worker => Task.Run(
            async () =>
            {
                Replica replica = worker % 2 == 0 ? _one : _other;
                var random = new Random(worker);
                while (TimeProvider.System.GetElapsedTime(began) < RaceTime)
                {
                    string repository = $"models/{worker}";
                    Digest garbage = await replica.PushAsync(repository, TestRegistry.RandomBytes(100), Token);
                    await replica.Blobs.UnlinkAsync(repository, garbage, Token);
                    byte[] layer = layers[random.Next(layers.Length)];
                    await replica.PushAsync(repository, "{}"u8.ToArray(), Token);
                    if (!await replica.Blobs.MountAsync($"models/{random.Next(4)}", repository, Digest.Sha256Of(layer), Token))
                    {
                        await replica.PushAsync(repository, layer, Token);
                    }

                    byte[] manifest = TestRegistry.Image(layer);
                    if (await replica.TrySealAsync(repository, "model", manifest, Token))
                    {
                        Interlocked.Increment(ref named);
                        foreach (Digest digest in (Digest[])[Digest.Sha256Of(layer), Digest.Sha256Of("{}"u8), Digest.Sha256Of(manifest)])
                        {
                            Assert.IsNotNull(await _storage.StatAsync(StoragePaths.Blob(digest), Token), $"{digest} is named by a manifest");
                        }

                        await replica.Manifests.DeleteAsync(repository, Digest.Sha256Of(manifest), Token);
                    }
                }
            },
            Token)));
        await stop.CancelAsync();
        await Task.WhenAll(collectors);
        Assert.IsGreaterThan(0, named);
        Assert.IsGreaterThan(0L, freed, "the collectors had something to do");
    }

    private async Task<Digest> UnheldAsync()
    {
        Digest digest = await _one.PushAsync(Repo, Own, Token);
        await _storage.DeleteFolderAsync(StoragePaths.BlobLinksOf(Repo), Token);

        // No age is needed, but the storage's clock is a tick behind.
        _storage.Age(TimeSpan.FromSeconds(1));
        return digest;
    }

    private async Task<CollectionState> CollectAsync(Replica replica) => (await replica.Collector.TryCollectAsync(Token))!;

    private async Task<List<string>> PathsAsync(string folder)
    {
        var paths = new List<string>();
        await foreach (StorageEntry entry in _storage.ListAsync(folder, null, Token))
        {
            paths.Add(entry.Path);
        }

        return paths;
    }
}
