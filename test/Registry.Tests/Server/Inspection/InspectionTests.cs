using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using AiModels.ModelPack.Grants;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Tests.Server.Api;

namespace AiModels.Registry.Tests.Server.Inspection;

/// <summary>What du, explain and gc --dry-run say about two models that share a layer.</summary>
[TestClass]
public sealed class InspectionTests : RegistryTestBase
{
    private static readonly byte[] Shared = TestRegistry.RandomBytes(5000);
    private static readonly byte[] Own = TestRegistry.RandomBytes(3000);

    [TestMethod]
    public async Task Usage_OfModelsThatShareALayer_TellsLogicalStoredSharedAndExclusive()
    {
        await PushAsync();

        JsonNode report = JsonNode.Parse(await Registry.Http.GetStringAsync("/inspect/usage", Token))!;

        JsonNode bge = report["repositories"]!.AsArray().Single(usage => (string?)usage!["repository"] == Repo)!;
        Assert.AreEqual("bge-m3", (string?)bge["owner"]!["name"]);
        Assert.AreEqual("team-a", (string?)bge["owner"]!["namespace"]);
        Assert.AreEqual(5000 + 9000, (long)bge["logicalBytes"]!, "a chunk counts as long as its annotation says");
        Assert.AreEqual(5000 + 2, (long)bge["sharedBytes"]!, "the layer and the empty config");
        Assert.AreEqual((long)bge["storedBytes"]! - 5002, (long)bge["exclusiveBytes"]!);
        Assert.AreEqual(new DirectoryInfo(Path.Combine(Registry.StorageFolder, "blobs")).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length), (long)report["storedBytes"]!);
        Assert.AreEqual(0, (long)report["unheldBytes"]!);
    }

    [TestMethod]
    public async Task Explain_OfASharedLayer_NamesBothModelsAndThePlace()
    {
        await PushAsync();

        JsonNode report = JsonNode.Parse(await Registry.Http.GetStringAsync($"/inspect/digests/{Digest.Sha256Of(Shared)}", Token))!;

        Assert.AreEqual(2, report["holders"]!.AsArray().Count);
        Assert.IsTrue(File.Exists(Path.Combine(Registry.StorageFolder, (string)report["path"]!)));
        Assert.Contains("team-a/bge-m3", (string)report["summary"]!);
        Assert.Contains("layers[0]", report["holders"]![0]!["namedBy"]!.ToJsonString());
        Assert.Contains("not stored", (string)JsonNode.Parse(await Registry.Http.GetStringAsync($"/inspect/digests/{Digest.Sha256Of([1, 2, 3])}", Token))!["summary"]!);
    }

    [TestMethod]
    public async Task Plan_AfterADeletion_SaysWhatGoesAndWhyTheRestStaysAndChangesNothing()
    {
        await PushAsync();
        await Registry.SendAsync(HttpMethod.Delete, $"/repositories/{Repo}");
        Registry.Clock.Shift = TimeSpan.FromHours(1);

        JsonNode plan = JsonNode.Parse(await Registry.Http.GetStringAsync("/collection/plan", Token))!;
        string[] goes = [.. plan["goes"]!.AsArray().Select(item => (string)item!["name"]!)];
        Assert.Contains(Digest.Sha256Of(Own).ToString(), goes);
        Assert.DoesNotContain(Digest.Sha256Of(Shared).ToString(), goes);
        Assert.Contains("a repository holds it", plan["stays"]!.ToJsonString());
        Assert.IsTrue(File.Exists(Path.Combine(Registry.StorageFolder, AiModels.Registry.Storage.StoragePaths.Blob(Digest.Sha256Of(Own)))));

        HttpResponseMessage collected = await Registry.SendAsync(HttpMethod.Post, "/collection");
        Assert.AreEqual((long)plan["freedBytes"]!, (long)JsonNode.Parse(await collected.Content.ReadAsStringAsync(Token))!["freedBytes"]!, "what was said is what happens");
    }

    [TestMethod]
    [DataRow("GET", "/inspect/usage")]
    [DataRow("GET", "/collection/plan")]
    [DataRow("POST", "/collection")]
    public async Task Inspect_WithAGrantToARepository_IsDenied(string method, string path)
    {
        string grant = Registry.Grant(Repo, GrantActions.Pull, GrantActions.Push, GrantActions.Delete);
        await ExpectAsync(HttpStatusCode.Forbidden, "DENIED", await Registry.SendAsync(new HttpMethod(method), path, null, grant));
        await ExpectAsync(HttpStatusCode.OK, null, await Registry.SendAsync(new HttpMethod(method), path, null, Registry.Grant(GrantActions.Registry, GrantActions.Inspect)));
    }

    private async Task PushAsync()
    {
        var document = new JsonObject
        {
            ["holder"] = "test",
            ["bytes"] = 100_000,
            ["lifetimeSeconds"] = 600,
            ["owner"] = new JsonObject { ["kind"] = "Model", ["namespace"] = "team-a", ["name"] = "bge-m3" },
        };
        await ExpectAsync(HttpStatusCode.OK, null, await Registry.SendAsync(HttpMethod.Put, $"/capacity/reservations/{Repo}", new StringContent(document.ToJsonString(), Encoding.UTF8, "application/json")));
        await Registry.PushImageAsync("models/other", "model", Shared);
        await Registry.PushBlobAsync(Repo, "{}"u8.ToArray());
        await Registry.PushBlobAsync(Repo, Shared);
        await Registry.PushBlobAsync(Repo, Own);
        byte[] manifest = TestRegistry.Image(image => image["layers"]![1]!["annotations"] = new JsonObject { [LayerAnnotations.Length] = "9000" }, Shared, Own);
        await ExpectAsync(HttpStatusCode.Created, null, await Registry.PutManifestAsync(Repo, "model", manifest));
    }
}
