using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using AiModels.ModelPack.Oci;

namespace AiModels.Registry.Tests.Server.Api;

[TestClass]
public sealed class ManifestTests : RegistryTestBase
{
    private static readonly byte[] Layer = "weights"u8.ToArray();

    [TestMethod]
    public async Task Put_ByTag_IsReadByTagAndDigest()
    {
        Digest digest = await Registry.PushImageAsync(Repo, "model", Layer);
        foreach (string reference in new[] { "model", digest.ToString() })
        {
            HttpResponseMessage response = await Registry.GetAsync($"/v2/{Repo}/manifests/{reference}");
            Assert.AreEqual(HttpStatusCode.OK, response.StatusCode);
            CollectionAssert.AreEqual(TestRegistry.Image(Layer), await response.Content.ReadAsByteArrayAsync(Token));
            Assert.AreEqual(MediaTypes.OciManifest, response.Content.Headers.ContentType!.MediaType);
            Assert.AreEqual(digest.ToString(), Header(response, "Docker-Content-Digest"));
        }
    }

    [TestMethod]
    public async Task Put_Bytes_AreKeptAsTheyCame()
    {
        await Registry.PushImageAsync(Repo, "first", Layer);
        byte[] odd = Encoding.UTF8.GetBytes("  " + Encoding.UTF8.GetString(TestRegistry.Image(image => image["x-custom"] = new JsonArray(1, 2), Layer)) + "\n\n");
        await ExpectAsync(HttpStatusCode.Created, null, await Registry.PutManifestAsync(Repo, "odd", odd));
        CollectionAssert.AreEqual(odd, await Registry.Http.GetByteArrayAsync($"/v2/{Repo}/manifests/odd", Token));
    }

    [TestMethod]
    public async Task Put_ByOtherDigest_IsRefused()
    {
        await Registry.PushImageAsync(Repo, "model", Layer);
        HttpResponseMessage response = await Registry.PutManifestAsync(Repo, Digest.Sha256Of("x"u8).ToString(), TestRegistry.Image(Layer));
        await ExpectAsync(HttpStatusCode.BadRequest, "DIGEST_INVALID", response);
    }

    [TestMethod]
    public async Task Put_BySha512_IsReadByIt()
    {
        await Registry.PushImageAsync(Repo, "model", Layer);
        string digest = "sha512:" + Convert.ToHexStringLower(System.Security.Cryptography.SHA512.HashData(TestRegistry.Image(Layer)));
        HttpResponseMessage response = await Registry.PutManifestAsync(Repo, digest, TestRegistry.Image(Layer));
        await ExpectAsync(HttpStatusCode.Created, null, response);
        Assert.AreEqual(digest, Header(response, "Docker-Content-Digest"));
        Assert.AreEqual(HttpStatusCode.OK, (await Registry.GetAsync($"/v2/{Repo}/manifests/{digest}")).StatusCode);
    }

    [TestMethod]
    public async Task Put_WithTagParameters_TagsAll()
    {
        await Registry.PushImageAsync(Repo, "model", Layer);
        Digest digest = Digest.Sha256Of(TestRegistry.Image(Layer));
        HttpResponseMessage response = await Registry.PutManifestAsync(Repo, $"{digest}?tag=v1&tag=latest", TestRegistry.Image(Layer));
        Assert.AreEqual("v1, latest", Header(response, "OCI-Tag"));
        Assert.AreEqual(HttpStatusCode.OK, (await Registry.GetAsync($"/v2/{Repo}/manifests/latest")).StatusCode);
    }

    [TestMethod]
    public async Task Put_WithBlobThatIsNotThere_NamesIt()
    {
        await Registry.PushBlobAsync(Repo, "{}"u8.ToArray());
        await Registry.PushBlobAsync("models/other", Layer);
        HttpResponseMessage response = await Registry.PutManifestAsync(Repo, "model", TestRegistry.Image(Layer));
        await ExpectAsync(HttpStatusCode.NotFound, "MANIFEST_BLOB_UNKNOWN", response);
        StringAssert.Contains(await response.Content.ReadAsStringAsync(Token), Digest.Sha256Of(Layer).ToString());
        await ExpectAsync(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN", await Registry.GetAsync($"/v2/{Repo}/manifests/model"));
    }

    [TestMethod]
    public async Task Put_WithWrongSize_IsRefused()
    {
        await Registry.PushImageAsync(Repo, "model", Layer);
        byte[] manifest = TestRegistry.Image(image => image["layers"]![0]!["size"] = 99, Layer);
        await ExpectAsync(HttpStatusCode.BadRequest, "MANIFEST_INVALID", await Registry.PutManifestAsync(Repo, "bad", manifest));
    }

    [TestMethod]
    public async Task Put_WithLayerFromElsewhere_DoesNotNeedIt()
    {
        await Registry.PushBlobAsync(Repo, "{}"u8.ToArray());
        byte[] manifest = TestRegistry.Image(image => image["layers"]![0]!["urls"] = new JsonArray("https://example.org/layer"), Layer);
        await ExpectAsync(HttpStatusCode.Created, null, await Registry.PutManifestAsync(Repo, "foreign", manifest));
    }

    [TestMethod]
    [DataRow("")]
    [DataRow("{")]
    [DataRow("[]")]
    [DataRow("{}")]
    [DataRow("""{"schemaVersion":1}""")]
    [DataRow("""{"schemaVersion":"2"}""")]
    [DataRow("""{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json"}""")]
    [DataRow("""{"schemaVersion":2,"config":{"mediaType":"a/b","digest":"sha256:x","size":1},"layers":[]}""")]
    [DataRow("""{"schemaVersion":2,"config":7,"layers":[]}""")]
    [DataRow("""{"schemaVersion":2,"schemaVersion":2}""")]
    public async Task Put_WhatIsNoManifest_IsRefused(string body) =>
        await ExpectAsync(HttpStatusCode.BadRequest, "MANIFEST_INVALID", await Registry.PutManifestAsync(Repo, "bad", Encoding.UTF8.GetBytes(body)));

    [TestMethod]
    public async Task Put_TypeThatDiffersFromTheHeader_IsRefused() =>
        await ExpectAsync(HttpStatusCode.BadRequest, "MANIFEST_INVALID", await Registry.PutManifestAsync(Repo, "bad", TestRegistry.Image(Layer), MediaTypes.OciIndex));

    [TestMethod]
    public async Task Put_FiveMebibytes_Is413()
    {
        HttpResponseMessage response = await Registry.PutManifestAsync(Repo, "large", new byte[5 * 1024 * 1024]);
        await ExpectAsync(HttpStatusCode.RequestEntityTooLarge, "SIZE_INVALID", response);
    }

    [TestMethod]
    public async Task Put_OneByteMoreThanFourMebibytesOfUnknownLength_Is413()
    {
        var content = new UnmeasuredContent(new byte[(4 * 1024 * 1024) + 1]);
        content.Headers.ContentType = new System.Net.Http.Headers.MediaTypeHeaderValue(MediaTypes.OciManifest);
        await ExpectAsync(HttpStatusCode.RequestEntityTooLarge, "SIZE_INVALID", await Registry.SendAsync(HttpMethod.Put, $"/v2/{Repo}/manifests/large", content));
    }

    [TestMethod]
    public async Task Put_AlmostFourMebibytes_Works()
    {
        await Registry.PushImageAsync(Repo, "model", Layer);
        byte[] manifest = TestRegistry.Image(image => image["annotations"] = new JsonObject { ["note"] = new string('x', (4 * 1024 * 1024) - 1000) }, Layer);
        await ExpectAsync(HttpStatusCode.Created, null, await Registry.PutManifestAsync(Repo, "large", manifest));
    }

    [TestMethod]
    [DataRow("-bad")]
    [DataRow("a b")]
    [DataRow(".hidden")]
    public async Task Put_TagOutsideOfTheGrammar_IsRefused(string tag) =>
        await ExpectAsync(HttpStatusCode.BadRequest, "TAG_INVALID", await Registry.PutManifestAsync(Repo, Uri.EscapeDataString(tag), TestRegistry.Image(Layer)));

    [TestMethod]
    [DataRow(".hidden")]
    [DataRow("-bad")]
    [DataRow("a b")]
    public async Task Get_TagOutsideOfTheGrammar_IsUnknownLikeAnyOtherThatIsNotThere(string tag)
    {
        await Registry.PushImageAsync(Repo, "model", Layer);
        string path = $"/v2/{Repo}/manifests/{Uri.EscapeDataString(tag)}";
        await ExpectAsync(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN", await Registry.GetAsync(path));
        await ExpectAsync(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN", await Registry.SendAsync(HttpMethod.Delete, path));
        await ExpectAsync(HttpStatusCode.NotFound, null, await Registry.SendAsync(HttpMethod.Head, path));
    }

    [TestMethod]
    [DataRow(MediaTypes.OciIndex)]
    [DataRow(MediaTypes.DockerManifestList)]
    public async Task Put_ImageThatIsCalledAnIndex_IsRefused(string type)
    {
        await Registry.PushImageAsync(Repo, "model", Layer);
        byte[] bare = TestRegistry.Image(image => image.Remove("mediaType"), Layer);
        await ExpectAsync(HttpStatusCode.BadRequest, "MANIFEST_INVALID", await Registry.PutManifestAsync(Repo, "lie", bare, type));
        byte[] lie = TestRegistry.Image(image => image["mediaType"] = type, Layer);
        await ExpectAsync(HttpStatusCode.BadRequest, "MANIFEST_INVALID", await Registry.PutManifestAsync(Repo, "lie", lie, type));
        await ExpectAsync(HttpStatusCode.BadRequest, "MANIFEST_INVALID", await Registry.PutManifestAsync(Repo, "lie", lie, "text/html"));
    }

    [TestMethod]
    public async Task Put_AnnotationThatIsNoText_NamesIt()
    {
        await Registry.PushImageAsync(Repo, "model", Layer);
        byte[] manifest = TestRegistry.Image(image => image["annotations"] = new JsonObject { ["it's"] = 1 }, Layer);
        HttpResponseMessage response = await Registry.PutManifestAsync(Repo, "bad", manifest);
        await ExpectAsync(HttpStatusCode.BadRequest, "MANIFEST_INVALID", response);
        StringAssert.Contains(await response.Content.ReadAsStringAsync(Token), "annotations.it's: must be a string.");
    }

    [TestMethod]
    public async Task Put_NonDistributableLayer_Warns()
    {
        await Registry.PushImageAsync(Repo, "model", Layer);
        byte[] manifest = TestRegistry.Image(image => image["layers"]![0]!["mediaType"] = "application/vnd.oci.image.layer.nondistributable.v1.tar", Layer);
        StringAssert.Contains(Header(await Registry.PutManifestAsync(Repo, "old", manifest), "Warning"), "deprecated");
    }

    [TestMethod]
    public async Task Put_WithoutMediaType_Warns()
    {
        await Registry.PushImageAsync(Repo, "model", Layer);
        HttpResponseMessage response = await Registry.PutManifestAsync(Repo, "bare", TestRegistry.Image(image => image.Remove("mediaType"), Layer));
        Assert.AreEqual(HttpStatusCode.Created, response.StatusCode);
        Assert.StartsWith("299 - \"", Header(response, "Warning"));
    }

    [TestMethod]
    public async Task Index_OfKnownManifests_IsKept()
    {
        await Registry.PushImageAsync(Repo, "model", Layer);
        byte[] index = Index(TestRegistry.Image(Layer));
        await ExpectAsync(HttpStatusCode.Created, null, await Registry.PutManifestAsync(Repo, "index", index, MediaTypes.OciIndex));
        byte[] missing = Index("{}"u8.ToArray());
        await ExpectAsync(HttpStatusCode.NotFound, "MANIFEST_BLOB_UNKNOWN", await Registry.PutManifestAsync(Repo, "index", missing, MediaTypes.OciIndex));
    }

    [TestMethod]
    public async Task Delete_ByTag_LeavesTheManifest()
    {
        Digest digest = await Registry.PushImageAsync(Repo, "model", Layer);
        await ExpectAsync(HttpStatusCode.Accepted, null, await Registry.SendAsync(HttpMethod.Delete, $"/v2/{Repo}/manifests/model"));
        await ExpectAsync(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN", await Registry.GetAsync($"/v2/{Repo}/manifests/model"));
        Assert.AreEqual(HttpStatusCode.OK, (await Registry.GetAsync($"/v2/{Repo}/manifests/{digest}")).StatusCode);
    }

    [TestMethod]
    public async Task Delete_ByDigest_TakesItsTagsAlong()
    {
        Digest digest = await Registry.PushImageAsync(Repo, "one", Layer);
        await Registry.PutManifestAsync(Repo, "two", TestRegistry.Image(Layer));
        await Registry.PushImageAsync(Repo, "other", "more"u8.ToArray());
        await ExpectAsync(HttpStatusCode.Accepted, null, await Registry.SendAsync(HttpMethod.Delete, $"/v2/{Repo}/manifests/{digest}"));
        foreach (string reference in new[] { "one", "two", digest.ToString() })
        {
            await ExpectAsync(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN", await Registry.GetAsync($"/v2/{Repo}/manifests/{reference}"));
        }

        Assert.AreEqual(HttpStatusCode.OK, (await Registry.GetAsync($"/v2/{Repo}/manifests/other")).StatusCode);
        await ExpectAsync(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN", await Registry.SendAsync(HttpMethod.Delete, $"/v2/{Repo}/manifests/{digest}"));
    }

    [TestMethod]
    public async Task Tags_InPages_FollowTheLink()
    {
        await Registry.PushImageAsync(Repo, "c", Layer);
        foreach (string tag in new[] { "a", "b", "d", "B" })
        {
            await Registry.PutManifestAsync(Repo, tag, TestRegistry.Image(Layer));
        }

        var seen = new List<string>();
        string? next = $"/v2/{Repo}/tags/list?n=2";
        while (next is not null)
        {
            HttpResponseMessage response = await Registry.GetAsync(next);
            seen.AddRange(JsonNode.Parse(await response.Content.ReadAsStringAsync(Token))!["tags"]!.AsArray().Select(tag => tag!.GetValue<string>()));
            string link = Header(response, "Link");
            next = link.Length == 0 ? null : link[1..link.IndexOf('>', StringComparison.Ordinal)];
        }

        CollectionAssert.AreEqual(new[] { "B", "a", "b", "c", "d" }, seen);
        Assert.AreEqual($$"""{"name":"{{Repo}}","tags":[]}""", await Registry.Http.GetStringAsync($"/v2/{Repo}/tags/list?n=0", Token));
    }

    [TestMethod]
    [DataRow("n=99999999999999999999", "a,b")]
    [DataRow("n=1&last=aa", "b")]
    [DataRow("last=zzz", "")]
    [DataRow("last=", "a,b")]
    [DataRow("last=..%2f..%2f..%2f", "a,b")]
    [DataRow("last=%2f%00%25", "a,b")]
    [DataRow("last=%01", "a,b")]
    [DataRow("last=a%01", "b")]
    [DataRow("last=a/b", "b")]
    [DataRow("last=%f0%9f%98%80", "")]
    [DataRow("last=-", "a,b")]
    [DataRow("last=a-%20", "b")]
    public async Task Tags_FromAnywhere_GoOnInOrder(string query, string expected)
    {
        await Registry.PushImageAsync(Repo, "a", Layer);
        await Registry.PutManifestAsync(Repo, "b", TestRegistry.Image(Layer));
        JsonNode answer = JsonNode.Parse(await Registry.Http.GetStringAsync($"/v2/{Repo}/tags/list?{query}", Token))!;
        Assert.AreEqual(expected, string.Join(',', answer["tags"]!.AsArray().Select(tag => (string)tag!)));
    }

    [TestMethod]
    [DataRow("tags/list")]
    [DataRow("referrers/sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    public async Task Head_OfAList_IsItsGetWithoutTheBody(string list)
    {
        await Registry.PushImageAsync(Repo, "a", Layer);
        HttpResponseMessage get = await Registry.GetAsync($"/v2/{Repo}/{list}");
        HttpResponseMessage head = await Registry.SendAsync(HttpMethod.Head, $"/v2/{Repo}/{list}");
        Assert.AreEqual(HttpStatusCode.OK, head.StatusCode);
        Assert.AreEqual(get.Content.Headers.ContentLength, head.Content.Headers.ContentLength);
        Assert.AreEqual(get.Content.Headers.ContentType, head.Content.Headers.ContentType);
    }

    [TestMethod]
    [DataRow("\"DIGEST\"")]
    [DataRow("\"other\", W/\"DIGEST\"")]
    [DataRow("*")]
    public async Task Get_WithAnEntityTagThatMatches_Is304(string known)
    {
        Digest digest = await Registry.PushImageAsync(Repo, "a", Layer);
        HttpResponseMessage response = await Registry.GetAsync($"/v2/{Repo}/manifests/a", null, ("If-None-Match", known.Replace("DIGEST", digest.ToString(), StringComparison.Ordinal)));
        Assert.AreEqual(HttpStatusCode.NotModified, response.StatusCode);
    }

    [TestMethod]
    [DataRow("-1")]
    [DataRow("1.5")]
    [DataRow("many")]
    [DataRow("")]
    public async Task Tags_OfANumberThatIsNone_Is400(string n)
    {
        await Registry.PushImageAsync(Repo, "a", Layer);
        await ExpectAsync(HttpStatusCode.BadRequest, "PAGINATION_NUMBER_INVALID", await Registry.GetAsync($"/v2/{Repo}/tags/list?n={n}"));
    }

    [TestMethod]
    public async Task Tags_OfUnknownRepository_Is404() => await ExpectAsync(HttpStatusCode.NotFound, "NAME_UNKNOWN", await Registry.GetAsync("/v2/models/none/tags/list"));

    [TestMethod]
    public async Task Referrers_ListWhatNamesTheSubject()
    {
        Digest subject = await Registry.PushImageAsync(Repo, "model", Layer);
        byte[] signature = Referrer(subject, "application/signature");
        byte[] scan = Referrer(subject, "application/scan");
        HttpResponseMessage pushed = await Registry.PutManifestAsync(Repo, Digest.Sha256Of(signature).ToString(), signature);
        Assert.AreEqual(subject.ToString(), Header(pushed, "OCI-Subject"));
        await Registry.PutManifestAsync(Repo, Digest.Sha256Of(scan).ToString(), scan);

        JsonNode all = JsonNode.Parse(await Registry.Http.GetStringAsync($"/v2/{Repo}/referrers/{subject}", Token))!;
        Assert.HasCount(2, all["manifests"]!.AsArray());

        HttpResponseMessage filtered = await Registry.GetAsync($"/v2/{Repo}/referrers/{subject}?artifactType=application/scan");
        JsonNode answer = JsonNode.Parse(await filtered.Content.ReadAsStringAsync(Token))!;
        Assert.AreEqual("artifactType", Header(filtered, "OCI-Filters-Applied"));
        Assert.AreEqual(MediaTypes.OciIndex, filtered.Content.Headers.ContentType!.MediaType);
        Assert.AreEqual(Digest.Sha256Of(scan).ToString(), answer["manifests"]![0]!["digest"]!.GetValue<string>());
        Assert.AreEqual("yes", answer["manifests"]![0]!["annotations"]!["checked"]!.GetValue<string>());

        await Registry.SendAsync(HttpMethod.Delete, $"/v2/{Repo}/manifests/{Digest.Sha256Of(scan)}");
        Assert.HasCount(1, JsonNode.Parse(await Registry.Http.GetStringAsync($"/v2/{Repo}/referrers/{subject}", Token))!["manifests"]!.AsArray());
    }

    [TestMethod]
    public async Task Referrers_OfAnything_IsAnIndexAndNever404()
    {
        JsonNode answer = JsonNode.Parse(await Registry.Http.GetStringAsync($"/v2/models/none/referrers/{Digest.Sha256Of("x"u8)}", Token))!;
        Assert.IsEmpty(answer["manifests"]!.AsArray());
        await ExpectAsync(HttpStatusCode.BadRequest, "DIGEST_INVALID", await Registry.GetAsync($"/v2/{Repo}/referrers/sha256:x"));
    }

    private static byte[] Referrer(Digest subject, string type) => TestRegistry.Image(
        image =>
        {
            image["artifactType"] = type;
            image["subject"] = new JsonObject { ["mediaType"] = MediaTypes.OciManifest, ["digest"] = subject.ToString(), ["size"] = 1 };
            image["annotations"] = new JsonObject { ["checked"] = "yes" };
        },
        Layer);

    private static byte[] Index(byte[] manifest) => Encoding.UTF8.GetBytes(new JsonObject
    {
        ["schemaVersion"] = 2,
        ["mediaType"] = MediaTypes.OciIndex,
        ["manifests"] = new JsonArray(TestRegistry.Descriptor(MediaTypes.OciManifest, manifest)),
    }.ToJsonString());
}
