using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.ModelPack.Oci;
using AiModels.Registry.GarbageCollection;
using AiModels.Registry.Storage;
using AiModels.Registry.Tests.Server.Api;
using Microsoft.Extensions.DependencyInjection;

namespace AiModels.Registry.Tests.Server.GarbageCollection;

[TestClass]
public sealed class GarbageCollectionTests : RegistryTestBase
{
    private static readonly byte[] Shared = TestRegistry.RandomBytes(1000);
    private static readonly byte[] Own = TestRegistry.RandomBytes(2000);

    [TestMethod]
    public async Task Collect_AfterRepositoryIsForgotten_FreesWhatNobodyShares()
    {
        await Registry.PushImageAsync(Repo, "model", Shared, Own);
        await Registry.PushImageAsync("models/other", "model", Shared);
        HttpResponseMessage deleted = await Registry.SendAsync(HttpMethod.Delete, $"/repositories/{Repo}");
        await ExpectAsync(HttpStatusCode.Accepted, null, deleted);
        StringAssert.Contains(await deleted.Content.ReadAsStringAsync(Token), "\"state\":\"Queued\"");
        await ExpectAsync(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN", await Registry.GetAsync($"/v2/{Repo}/manifests/model"));
        await ExpectAsync(HttpStatusCode.NotFound, "BLOB_UNKNOWN", await Registry.GetAsync($"/v2/{Repo}/blobs/{Digest.Sha256Of(Own)}"));

        Registry.Clock.Shift = TimeSpan.FromHours(1);
        CollectionState state = await CollectAsync();
        Assert.AreEqual(2, state.FreedBlobs);
        Assert.IsFalse(IsStored(Own));
        CollectionAssert.AreEqual(Shared, await PullAsync("models/other", Digest.Sha256Of(Shared)));
        StringAssert.Contains(await Registry.Http.GetStringAsync($"/repositories/{Repo}", Token), "\"state\":\"Done\"");
        Assert.AreEqual(0, JsonNode.Parse(await Registry.Http.GetStringAsync("/collection", Token))!["last"]!["queuedCleanups"]!.GetValue<int>());
    }

    [TestMethod]
    public async Task Collect_AfterRepositoryIsForgotten_TakesTheSecondCopiesOfItsManifests()
    {
        Digest gone = await Registry.PushImageAsync(Repo, "model", Own);
        Digest kept = await Registry.PushImageAsync("models/other", "model", Shared);
        await Registry.SendAsync(HttpMethod.Delete, $"/repositories/{Repo}");

        Registry.Clock.Shift = TimeSpan.FromHours(1);
        await CollectAsync();

        string[] expected = [kept.Hex, Digest.Sha256Of("{}"u8).Hex];
        CollectionAssert.AreEquivalent(expected, Directory.GetFiles(Path.Combine(Registry.StorageFolder, StoragePaths.Spares, "sha256")).Select(Path.GetFileName).ToArray());
        Assert.DoesNotContain(gone.Hex, expected);
    }

    [TestMethod]
    public async Task Collect_WhenATagHasRotted_KeepsItsRepositoryAndCollectsTheOthers()
    {
        Digest digest = await Registry.PushImageAsync(Repo, "model", Own);
        await Registry.PushImageAsync("models/other", "model", Shared);
        await File.WriteAllTextAsync(Path.Combine(Registry.StorageFolder, StoragePaths.Tag(Repo, "model")), "sha256:rotten", Token);
        await ExpectAsync(HttpStatusCode.ServiceUnavailable, "UNAVAILABLE", await Registry.GetAsync($"/v2/{Repo}/manifests/model"));
        await Registry.SendAsync(HttpMethod.Delete, "/repositories/models/other");

        Registry.Clock.Shift = TimeSpan.FromDays(60);
        await CollectAsync();

        Assert.IsTrue(IsStored(Own));
        Assert.IsFalse(IsStored(Shared));
        await ExpectAsync(HttpStatusCode.OK, null, await Registry.GetAsync($"/v2/{Repo}/manifests/{digest}"));
    }

    [TestMethod]
    public async Task Upload_ThatLostItsBeginningInACrash_BeginsAnewAndExpires()
    {
        string id = Guid.NewGuid().ToString("N");
        string session = Path.Combine(Registry.StorageFolder, StoragePaths.UploadSession(id)), rest = Path.Combine(Registry.StorageFolder, StoragePaths.UploadPart(id, 5));
        Directory.CreateDirectory(Path.GetDirectoryName(rest)!);
        await File.WriteAllTextAsync(session, JsonSerializer.Serialize(new UploadSessionDocument { Repository = Repo, StartedAt = Registry.Clock.GetUtcNow() }, RegistryJson.Default.UploadSessionDocument), Token);
        await File.WriteAllBytesAsync(rest, [1, 2, 3], Token);

        HttpResponseMessage status = await Registry.GetAsync($"/v2/{Repo}/blobs/uploads/{id}");
        await ExpectAsync(HttpStatusCode.NoContent, null, status);
        Assert.IsFalse(File.Exists(rest), "what stood behind the gap is not taken for content");

        Registry.Clock.Shift = TimeSpan.FromDays(30);
        Assert.AreEqual(1, await Registry.Services.GetRequiredService<UploadStore>().ExpireAsync(TimeSpan.FromDays(1), Token));
        Assert.IsFalse(File.Exists(session));
    }

    [TestMethod]
    public async Task Forget_Repository_LeavesNestedOnes()
    {
        await Registry.PushImageAsync("models/a", "model", Own);
        await Registry.PushImageAsync("models/a/b", "model", Own);
        await Registry.SendAsync(HttpMethod.Delete, "/repositories/models/a");
        Assert.AreEqual(HttpStatusCode.OK, (await Registry.GetAsync("/v2/models/a/b/manifests/model")).StatusCode);
        await ExpectAsync(HttpStatusCode.NotFound, "NAME_UNKNOWN", await Registry.SendAsync(HttpMethod.Delete, "/repositories/models/none"));
    }

    [TestMethod]
    public async Task Collect_TooEarly_KeepsTheRequestArmed()
    {
        await Registry.PushImageAsync(Repo, "model", Own);
        await Registry.SendAsync(HttpMethod.Delete, $"/repositories/{Repo}");
        CollectionState state = await CollectAsync();
        Assert.AreEqual(0, state.FreedBlobs);
        Assert.AreEqual(1, state.QueuedCleanups);
        StringAssert.Contains(await Registry.Http.GetStringAsync($"/repositories/{Repo}", Token), "\"state\":\"Armed\"");
    }

    [TestMethod]
    public async Task Collect_AfterACrashInTheMiddleOfForgetting_ForgetsTheRest()
    {
        await Registry.PushImageAsync(Repo, "model", Own);
        var request = new CleanupRequest { Id = "1", Repository = Repo, RequestedAt = DateTimeOffset.MaxValue };
        Directory.CreateDirectory(Path.Combine(Registry.StorageFolder, "cleanup"));
        await File.WriteAllTextAsync(Path.Combine(Registry.StorageFolder, "cleanup", "1"), System.Text.Json.JsonSerializer.Serialize(request, RegistryJson.Default.CleanupRequest), Token);
        Registry.Clock.Shift = TimeSpan.FromHours(1);
        await CollectAsync();
        Assert.IsFalse(Directory.Exists(Path.Combine(Registry.StorageFolder, "repositories")));
        Assert.IsFalse(IsStored(Own));
    }

    [TestMethod]
    public async Task Collect_DeletedManifest_FreesItsBlobsWhenTheRepositoryRests()
    {
        Digest digest = await Registry.PushImageAsync(Repo, "model", Own);
        await Registry.PushImageAsync(Repo, "keep", Shared);
        await Registry.SendAsync(HttpMethod.Delete, $"/v2/{Repo}/manifests/{digest}");
        Registry.Clock.Shift = TimeSpan.FromDays(1);
        await CollectAsync();
        Assert.IsTrue(IsStored(Own), "links of a repository in which something happened within the expiry stay");
        Registry.Clock.Shift = TimeSpan.FromDays(8);
        CollectionState state = await CollectAsync();
        Assert.AreEqual(1, state.DroppedLinks);
        Assert.IsFalse(IsStored(Own));
        Assert.AreEqual(HttpStatusCode.OK, (await Registry.GetAsync($"/v2/{Repo}/manifests/keep")).StatusCode);
    }

    [TestMethod]
    public async Task Collect_ManifestWhoseTagMovedOrWent_GoesWithWhatOnlyItNamed()
    {
        Digest old = await Registry.PushImageAsync(Repo, "upload", Own, Shared);
        await Registry.PushImageAsync(Repo, "model", Shared);
        await Registry.SendAsync(HttpMethod.Delete, $"/v2/{Repo}/manifests/upload");
        await CollectAsync();
        Assert.AreEqual(HttpStatusCode.OK, (await Registry.GetAsync($"/v2/{Repo}/manifests/{old}")).StatusCode, "it is too young");

        Registry.Clock.Shift = TimeSpan.FromHours(2);
        CollectionState state = await CollectAsync();
        Assert.AreEqual(1, state.DroppedManifests);
        Assert.AreEqual(1, state.DroppedLinks);
        Assert.IsFalse(IsStored(Own));
        await ExpectAsync(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN", await Registry.GetAsync($"/v2/{Repo}/manifests/{old}"));
        CollectionAssert.AreEqual(Shared, await PullAsync(Repo, Digest.Sha256Of(Shared)));
        Assert.AreEqual(HttpStatusCode.OK, (await Registry.GetAsync($"/v2/{Repo}/manifests/model")).StatusCode);
    }

    [TestMethod]
    public async Task Collect_UntaggedButHeld_IsKept()
    {
        Digest child = await Registry.PushImageAsync(Repo, "child", Own);
        byte[] index = System.Text.Encoding.UTF8.GetBytes(new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciIndex,
            ["manifests"] = new JsonArray(TestRegistry.Descriptor(MediaTypes.OciManifest, TestRegistry.Image(Own))),
        }.ToJsonString());
        await Registry.PutManifestAsync(Repo, "index", index, MediaTypes.OciIndex);
        byte[] signature = TestRegistry.Image(image => image["subject"] = new JsonObject { ["mediaType"] = MediaTypes.OciManifest, ["digest"] = child.ToString(), ["size"] = 1 }, Own);
        await Registry.PutManifestAsync(Repo, Digest.Sha256Of(signature).ToString(), signature);
        await Registry.SendAsync(HttpMethod.Delete, $"/v2/{Repo}/manifests/child");

        Registry.Clock.Shift = TimeSpan.FromDays(30);
        Assert.AreEqual(0, (await CollectAsync()).DroppedManifests);
        await Registry.SendAsync(HttpMethod.Delete, $"/v2/{Repo}/manifests/index");
        Assert.AreEqual(3, (await CollectAsync()).DroppedManifests);
        Assert.IsFalse(IsStored(Own));
    }

    [TestMethod]
    public async Task Collect_BlobsThatWaitForTheirManifest_AreKept()
    {
        Digest digest = await Registry.PushBlobAsync(Repo, Own);
        Registry.Clock.Shift = TimeSpan.FromDays(6);
        await CollectAsync();
        CollectionAssert.AreEqual(Own, await PullAsync(Repo, digest));
    }

    [TestMethod]
    public async Task Collect_UnreadableManifest_KeepsEverythingOfItsRepository()
    {
        Digest digest = await Registry.PushImageAsync(Repo, "model", Own);
        await File.WriteAllTextAsync(Path.Combine(Registry.StorageFolder, StoragePaths.Blob(digest)), "rotten", Token);
        Registry.Clock.Shift = TimeSpan.FromDays(30);
        await CollectAsync();
        Assert.IsTrue(IsStored(Own));
    }

    [TestMethod]
    public async Task Collect_State_TellsStoredAndReferencedBytes()
    {
        await Registry.PushImageAsync(Repo, "model", Shared);
        await Registry.PushImageAsync("models/other", "model", Shared);
        CollectionState state = await CollectAsync();
        Assert.AreEqual(3, state.StoredBlobs);
        Assert.AreEqual(2 * state.StoredBytes, state.ReferencedBytes);
        Assert.AreEqual(2, state.Repositories);
        Assert.AreEqual(2, state.Manifests);
    }

    [TestMethod]
    public async Task Fence_UsedSinceTheMark_IsNotCondemned()
    {
        var fence = new BlobFence(Registry.Services.GetRequiredService<CondemnedDigests>());
        Digest digest = Digest.Sha256Of(Own);
        Assert.IsFalse(fence.TryCondemn(digest), "no collection is under way");
        fence.BeginCollection();
        (await fence.UseAsync([digest], Token)).Dispose();
        Assert.IsFalse(fence.TryCondemn(digest));
        fence.EndCollection();
        fence.BeginCollection();
        Assert.IsTrue(fence.TryCondemn(digest));
        Task<BlobFence.Lease> user = fence.UseAsync([digest], Token).AsTask();
        Assert.IsFalse(user.IsCompleted, "a use waits while the blob is being deleted");
        fence.Absolve(digest);
        (await user).Dispose();
    }

    [TestMethod]
    public async Task Collect_InterruptedWhileSweeping_GoesOnWhereItWas()
    {
        byte[][] unheld = [.. Enumerable.Range(0, 40).Select(_ => TestRegistry.RandomBytes(100))];
        foreach (byte[] content in unheld)
        {
            await Registry.PushBlobAsync(Repo, content);
        }

        await Registry.SendAsync(HttpMethod.Delete, $"/repositories/{Repo}");
        Registry.Clock.Shift = TimeSpan.FromHours(1);

        // As a killed process left it: half of the blobs are done.
        Digest[] inOrder = [.. unheld.Select(content => Digest.Sha256Of(content)).OrderBy(digest => digest.Hex, StringComparer.Ordinal)];
        var run = new RunningCollection
        {
            StartedAt = Registry.Clock.GetUtcNow(),
            Phase = CollectionPhase.Sweeping,
            Cursor = StoragePaths.Blob(inOrder[19]),
            Done = new SweepResult { FreedBlobs = 20, FreedBytes = 2000 },
        };
        Directory.CreateDirectory(Path.Combine(Registry.StorageFolder, "collection"));
        await File.WriteAllTextAsync(
            Path.Combine(Registry.StorageFolder, "collection", "running"), System.Text.Json.JsonSerializer.Serialize(run, RegistryJson.Default.RunningCollection), Token);
        await Registry.RestartAsync();
        await TestKit.Eventually.GetAsync(
            async () => JsonNode.Parse(await Registry.Http.GetStringAsync("/collection", Token))!,
            statement => (int?)statement["last"]?["interruptions"] == 1 && (int?)statement["last"]?["freedBlobs"] == 40,
            "the collection went on by itself",
            Token);
        Assert.IsTrue(File.Exists(Path.Combine(Registry.StorageFolder, StoragePaths.Blob(inOrder[0]))), "what lies before the cursor is the next collection's");
        Assert.AreEqual(20, (await CollectAsync()).FreedBlobs);
        Assert.IsFalse(File.Exists(Path.Combine(Registry.StorageFolder, "collection", "running")));
    }

    [TestMethod]
    public async Task Collection_State_IsQueuedThenArmedThenDone()
    {
        await CollectAsync();
        Assert.AreEqual("Done", await StandingAsync());
        await Registry.PushImageAsync(Repo, "model", Own);
        await Registry.SendAsync(HttpMethod.Delete, $"/repositories/{Repo}");
        Assert.AreEqual("Queued", await StandingAsync());
        await CollectAsync();
        Assert.AreEqual("Armed", await StandingAsync());
        Registry.Clock.Shift = TimeSpan.FromHours(1);
        await CollectAsync();
        Assert.AreEqual("Done", await StandingAsync());

        async Task<string?> StandingAsync() => (string?)JsonNode.Parse(await Registry.Http.GetStringAsync("/collection", Token))!["state"];
    }

    [TestMethod]
    public void DigestTable_WithAHundredThousandDigests_CountsThemAllInLittleMemory()
    {
        Digest[] digests = [.. Enumerable.Range(0, 100_000).Select(i => Digest.Sha256Of(BitConverter.GetBytes(i)))];
        long before = GC.GetTotalMemory(forceFullCollection: true);
        var table = new DigestTable();
        for (int i = 0; i < digests.Length; i++)
        {
            table.Add(digests[i]);
            if (i % 3 == 0)
            {
                table.Add(digests[i]);
            }
        }

        long used = GC.GetTotalMemory(forceFullCollection: true) - before;
        Assert.AreEqual(100_000, table.Count);
        for (int i = 0; i < digests.Length; i++)
        {
            Assert.AreEqual(i % 3 == 0 ? 2 : 1, table[digests[i]]);
        }

        Assert.AreEqual(0, table[Digest.Sha256Of(Own)]);
        Assert.IsLessThan(100_000 * 40, used, "bytes");
    }

    /// <summary>Pushers that reuse blobs about to be swept, mounts, and collections without pause: no manifest ever names a missing blob.</summary>
    [TestMethod]
    public async Task Collect_BesidePushesAndMounts_NeverBreaksAManifest()
    {
        byte[][] layers = [.. Enumerable.Range(0, 4).Select(_ => TestRegistry.RandomBytes(500))];
        Registry.Clock.Shift = TimeSpan.FromDays(30);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task collecting = Task.Run(
            async () =>
            {
                while (!stop.IsCancellationRequested)
                {
                    await CollectAsync();
                }
            },
            Token);

        int accepted = 0;
        await Task.WhenAll(Enumerable.Range(0, 4).Select(worker => Task.Run(
            async () =>
            {
                var random = new Random(worker);
                for (int round = 0; round < 40; round++)
                {
                    string repository = $"models/{worker}";
                    byte[][] chosen = [layers[random.Next(4)], layers[random.Next(4)]];
                    await Registry.PushBlobAsync(repository, "{}"u8.ToArray());
                    foreach (byte[] layer in chosen)
                    {
                        HttpResponseMessage mounted = await Registry.SendAsync(HttpMethod.Post, $"/v2/{repository}/blobs/uploads/?mount={Digest.Sha256Of(layer)}&from=models/{random.Next(4)}");
                        if (mounted.StatusCode == HttpStatusCode.Accepted)
                        {
                            await Registry.PushBlobAsync(repository, layer);
                        }
                    }

                    // With every link old enough to go, the collector may take a blob before the manifest names it; then the push is refused, and never half true.
                    HttpResponseMessage put = await Registry.PutManifestAsync(repository, "model", TestRegistry.Image(chosen));
                    if (put.StatusCode == HttpStatusCode.Created)
                    {
                        Interlocked.Increment(ref accepted);
                        foreach (byte[] layer in chosen)
                        {
                            CollectionAssert.AreEqual(layer, await PullAsync(repository, Digest.Sha256Of(layer)));
                        }

                        await Registry.SendAsync(HttpMethod.Delete, $"/v2/{repository}/manifests/{Digest.Sha256Of(TestRegistry.Image(chosen))}");
                    }
                    else
                    {
                        Assert.AreEqual("MANIFEST_BLOB_UNKNOWN", await TestRegistry.CodeOfAsync(put));
                    }
                }
            },
            Token)));
        await stop.CancelAsync();
        await collecting;
        Assert.IsGreaterThan(0, accepted);
    }

    private async Task<CollectionState> CollectAsync() => (await Registry.Services.GetRequiredService<GarbageCollector>().TryCollectAsync(Token))!;

    private bool IsStored(byte[] content) => File.Exists(Path.Combine(Registry.StorageFolder, StoragePaths.Blob(Digest.Sha256Of(content))));
}
