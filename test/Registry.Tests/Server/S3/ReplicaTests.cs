using System.Net;
using System.Net.Http.Headers;
using AiModels.ModelPack.Oci;

namespace AiModels.Registry.Tests.Server.S3;

/// <summary>Two registries, each a process of its own, over one bucket: a load balancer may send each request of an upload to another one.</summary>
[TestClass]
public sealed class ReplicaTests
{
    private const string Repo = "models/shared";

    private static readonly byte[] Content = TestRegistry.RandomBytes(12_000_000);
    private static readonly Digest ContentDigest = Digest.Sha256Of(Content);

    private TestBucket _bucket = null!;
    private RegistryProcess _first = null!;
    private RegistryProcess _second = null!;

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Token => TestContext.CancellationToken;

    [TestInitialize]
    public async Task StartAsync()
    {
        _bucket = await TestBucket.CreateAsync(Token);
        RegistryProcess[] started = await Task.WhenAll(NewAsync(), NewAsync());
        (_first, _second) = (started[0], started[1]);
    }

    [TestCleanup]
    public void Stop()
    {
        _first?.Dispose();
        _second?.Dispose();
    }

    [TestMethod]
    public async Task Upload_EachRequestElsewhere_MakesTheBlob()
    {
        string location = await OpenAsync(_first);
        await ExpectAsync(HttpStatusCode.Accepted, await PatchAsync(_second, location, 0, 6_000_000));
        await ExpectAsync(HttpStatusCode.Accepted, await PatchAsync(_first, location, 6_000_000, 6_000_100));
        using HttpResponseMessage status = await _second.Http.GetAsync(location, Token);
        Assert.AreEqual("0-6000099", status.Headers.GetValues("Range").Single());
        await ExpectAsync(HttpStatusCode.Accepted, await PatchAsync(_second, location, 6_000_100, Content.Length));
        await ExpectAsync(HttpStatusCode.Created, await PutAsync(_first, location));

        CollectionAssert.AreEqual(Content, await _second.Http.GetByteArrayAsync($"/v2/{Repo}/blobs/{ContentDigest}", Token));
        await ExpectAsync(HttpStatusCode.NotFound, await _second.Http.GetAsync(location, Token));
        await ExpectAsync(HttpStatusCode.NotFound, await PatchAsync(_second, location, 0, 100));
    }

    [TestMethod]
    public async Task Upload_OfAReplicaThatWasKilled_GoesOnAtAnother()
    {
        string location = await OpenAsync(_first);
        await ExpectAsync(HttpStatusCode.Accepted, await PatchAsync(_first, location, 0, 7_000_000));
        await _first.KillAsync();
        await ExpectAsync(HttpStatusCode.Accepted, await PatchAsync(_second, location, 7_000_000, Content.Length));
        await ExpectAsync(HttpStatusCode.Created, await PutAsync(_second, location));
        CollectionAssert.AreEqual(Content, await _second.Http.GetByteArrayAsync($"/v2/{Repo}/blobs/{ContentDigest}", Token));
    }

    [TestMethod]
    public async Task Upload_OneOffsetAtTwoReplicas_OneIsAcknowledged()
    {
        // A client that came back at another replica while the first was still reading from its dead connection.
        for (int round = 0; round < 5; round++)
        {
            string location = await OpenAsync(_first);
            HttpResponseMessage[] answers = await Task.WhenAll(PatchAsync(_first, location, 0, 100_000), PatchAsync(_second, location, 0, 250_000));
            CollectionAssert.AreEquivalent(new[] { HttpStatusCode.Accepted, HttpStatusCode.RequestedRangeNotSatisfiable }, answers.Select(answer => answer.StatusCode).ToArray());
            int reached = answers[0].IsSuccessStatusCode ? 100_000 : 250_000;
            Assert.AreEqual($"0-{reached - 1}", answers.Single(answer => !answer.IsSuccessStatusCode).Headers.GetValues("Range").Single());

            await ExpectAsync(HttpStatusCode.Accepted, await PatchAsync(_second, location, reached, Content.Length));
            await ExpectAsync(HttpStatusCode.Created, await PutAsync(_first, location));
        }

        CollectionAssert.AreEqual(Content, await _first.Http.GetByteArrayAsync($"/v2/{Repo}/blobs/{ContentDigest}", Token));
    }

    [TestMethod]
    public async Task Upload_CancelledAtOne_IsUnknownToTheOther()
    {
        string location = await OpenAsync(_first);
        await ExpectAsync(HttpStatusCode.Accepted, await PatchAsync(_first, location, 0, 1000));
        await ExpectAsync(HttpStatusCode.NoContent, await _second.Http.DeleteAsync(location, Token));
        await ExpectAsync(HttpStatusCode.NotFound, await PatchAsync(_first, location, 1000, 2000));
    }

    [TestMethod]
    public async Task Upload_WrongDigestOfPartsFromBoth_IsRefused()
    {
        string location = await OpenAsync(_first);
        await ExpectAsync(HttpStatusCode.Accepted, await PatchAsync(_first, location, 0, 1000));
        await ExpectAsync(HttpStatusCode.Accepted, await PatchAsync(_second, location, 1000, 2000));
        await ExpectAsync(HttpStatusCode.BadRequest, await PutAsync(_first, location));
        await ExpectAsync(HttpStatusCode.NotFound, await _second.Http.GetAsync(location, Token));
        await ExpectAsync(HttpStatusCode.NotFound, await _second.Http.GetAsync($"/v2/{Repo}/blobs/{ContentDigest}", Token));
    }

    private static async Task ExpectAsync(HttpStatusCode expected, HttpResponseMessage response) =>
        Assert.AreEqual(expected, response.StatusCode, $"{response.RequestMessage!.Method} {response.RequestMessage.RequestUri}: {await response.Content.ReadAsStringAsync()}");

    private Task<RegistryProcess> NewAsync() => RegistryProcess.StartAsync(_bucket.Storage, Token, ["--anonymous", .. _bucket.Arguments]);

    private async Task<string> OpenAsync(RegistryProcess registry)
    {
        using HttpResponseMessage response = await registry.Http.PostAsync($"/v2/{Repo}/blobs/uploads/", null, Token);
        await ExpectAsync(HttpStatusCode.Accepted, response);
        return response.Headers.Location!.OriginalString;
    }

    private async Task<HttpResponseMessage> PatchAsync(RegistryProcess registry, string location, int start, int end)
    {
        var content = new ByteArrayContent(Content, start, end - start);
        content.Headers.TryAddWithoutValidation("Content-Range", $"{start}-{end - 1}");
        content.Headers.ContentType = new MediaTypeHeaderValue(MediaTypes.OctetStream);
        return await registry.Http.PatchAsync(location, content, Token);
    }

    private Task<HttpResponseMessage> PutAsync(RegistryProcess registry, string location) => registry.Http.PutAsync($"{location}?digest={ContentDigest}", null, Token);
}
