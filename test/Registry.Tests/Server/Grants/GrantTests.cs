using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Tests.Server.Api;

namespace AiModels.Registry.Tests.Server.Grants;

[TestClass]
public sealed class GrantTests : RegistryTestBase
{
    private static readonly byte[] Content = "weights"u8.ToArray();

    [TestMethod]
    public async Task NoGrant_IsChallengedWithTheScope()
    {
        HttpResponseMessage response = await Registry.GetAsync($"/v2/{Repo}/manifests/model");
        await ExpectAsync(HttpStatusCode.Unauthorized, "UNAUTHORIZED", response);
        Assert.AreEqual($"Bearer realm=\"{Registry.Address}/token\",service=\"ai-models-registry\",scope=\"repository:{Repo}:pull\"", Header(response, "WWW-Authenticate"));
        await ExpectAsync(HttpStatusCode.Unauthorized, "UNAUTHORIZED", await Registry.GetAsync("/v2/"));
    }

    [TestMethod]
    public async Task Grant_AllowsWhatItSaysAndNothingElse()
    {
        string pusher = Registry.Grant(Repo, "pull", "push");
        string puller = Registry.Grant(Repo, "pull");
        Digest digest = await Registry.PushBlobAsync(Repo, Content, pusher);
        Assert.AreEqual(HttpStatusCode.OK, (await Registry.GetAsync($"/v2/{Repo}/blobs/{digest}", puller)).StatusCode);
        Assert.AreEqual(HttpStatusCode.OK, (await Registry.GetAsync("/v2/", puller)).StatusCode);
        await ExpectAsync(HttpStatusCode.Forbidden, "DENIED", await Registry.SendAsync(HttpMethod.Post, $"/v2/{Repo}/blobs/uploads/", null, puller));
        await ExpectAsync(HttpStatusCode.Forbidden, "DENIED", await Registry.SendAsync(HttpMethod.Delete, $"/v2/{Repo}/blobs/{digest}", null, pusher));
        await ExpectAsync(HttpStatusCode.Forbidden, "DENIED", await Registry.GetAsync($"/v2/models/other/blobs/{digest}", puller));
        await ExpectAsync(HttpStatusCode.Forbidden, "DENIED", await Registry.GetAsync($"/v2/{Repo}x/tags/list", puller));
    }

    [TestMethod]
    public async Task PushGrant_MayAskWhetherABlobIsThere()
    {
        string grant = Registry.Grant(Repo, "push");
        Digest digest = await Registry.PushBlobAsync(Repo, Content, grant);
        Assert.AreEqual(HttpStatusCode.OK, (await Registry.SendAsync(HttpMethod.Head, $"/v2/{Repo}/blobs/{digest}", null, grant)).StatusCode);
        await ExpectAsync(HttpStatusCode.Forbidden, "DENIED", await Registry.GetAsync($"/v2/{Repo}/blobs/{digest}", grant));
    }

    [TestMethod]
    public async Task Grant_AsBasicPassword_Works()
    {
        string credentials = Convert.ToBase64String(Encoding.UTF8.GetBytes("grant:" + Registry.Grant(Repo, "pull")));
        HttpResponseMessage response = await Registry.GetAsync($"/v2/{Repo}/tags/list", null, ("Authorization", "Basic " + credentials));
        await ExpectAsync(HttpStatusCode.NotFound, "NAME_UNKNOWN", response);
    }

    [TestMethod]
    public async Task Token_ForBasicPassword_IsTheGrant()
    {
        string grant = Registry.Grant(Repo, "pull");
        string credentials = Convert.ToBase64String(Encoding.UTF8.GetBytes("grant:" + grant));
        HttpResponseMessage response = await Registry.GetAsync($"/token?service=ai-models-registry&scope=repository:{Repo}:pull", null, ("Authorization", "Basic " + credentials));
        JsonNode answer = JsonNode.Parse(await response.Content.ReadAsStringAsync(Token))!;
        Assert.AreEqual(grant, answer["token"]!.GetValue<string>());
        Assert.AreEqual(grant, answer["access_token"]!.GetValue<string>());
        Assert.IsGreaterThan(3500, answer["expires_in"]!.GetValue<int>());

        using var form = new FormUrlEncodedContent([new("grant_type", "password"), new("username", "grant"), new("password", grant)]);
        JsonNode posted = JsonNode.Parse(await (await Registry.SendAsync(HttpMethod.Post, "/token", form)).Content.ReadAsStringAsync(Token))!;
        Assert.AreEqual(grant, posted["access_token"]!.GetValue<string>());
    }

    [TestMethod]
    public async Task Token_WithoutOrWithWrongCredentials_Is401()
    {
        await ExpectAsync(HttpStatusCode.Unauthorized, "UNAUTHORIZED", await Registry.GetAsync("/token"));
        await ExpectAsync(HttpStatusCode.Unauthorized, "UNAUTHORIZED", await Registry.GetAsync("/token", null, ("Authorization", "Basic !!!")));
        await ExpectAsync(HttpStatusCode.Unauthorized, "UNAUTHORIZED", await Registry.GetAsync("/token", null, ("Authorization", "Basic " + Convert.ToBase64String("grant:nonsense"u8))));
    }

    [TestMethod]
    public async Task Grant_ExpiredForgedOrForeign_Is401()
    {
        string good = Registry.Grant(Repo, "pull");
        string[] parts = good.Split('.');
        await using TestRegistry foreign = await TestRegistry.StartAsync();
        string[] bad =
        [
            Registry.Grant(TimeSpan.FromHours(-1), "job/test/old", (Repo, ["pull"])),
            foreign.Grant(Repo, "pull"),
            parts[0] + "." + Convert.ToBase64String("""{"iss":"ai-models"}"""u8).TrimEnd('=') + "." + parts[2],
            parts[0] + "." + parts[1] + ".",
            "x",
        ];
        foreach (string token in bad)
        {
            HttpResponseMessage response = await Registry.GetAsync($"/v2/{Repo}/tags/list", null, ("Authorization", "Bearer " + token));
            await ExpectAsync(HttpStatusCode.Unauthorized, "UNAUTHORIZED", response);
            StringAssert.Contains(Header(response, "WWW-Authenticate"), "error=\"invalid_token\"");
        }
    }

    [TestMethod]
    public async Task Mount_WithoutPullOnTheSource_OpensAnUploadInstead()
    {
        Digest digest = await Registry.PushBlobAsync("models/secret", Content, Registry.Grant("models/secret", "push"));
        string grant = Registry.Grant(Repo, "pull", "push");
        await ExpectAsync(HttpStatusCode.Accepted, null, await Registry.SendAsync(HttpMethod.Post, $"/v2/{Repo}/blobs/uploads/?mount={digest}&from=models/secret", null, grant));
        await ExpectAsync(HttpStatusCode.Accepted, null, await Registry.SendAsync(HttpMethod.Post, $"/v2/{Repo}/blobs/uploads/?mount={digest}", null, grant));
        await ExpectAsync(HttpStatusCode.NotFound, "BLOB_UNKNOWN", await Registry.GetAsync($"/v2/{Repo}/blobs/{digest}", grant));
    }

    [TestMethod]
    public async Task Accounting_CountsBytesOfEachGrant()
    {
        string pusher = Registry.Grant(Repo, "push");
        string puller = Registry.Grant(TimeSpan.FromHours(1), "node/one", (Repo, ["pull"]));
        Digest digest = await Registry.PushBlobAsync(Repo, Content, pusher);
        await Registry.GetAsync($"/v2/{Repo}/blobs/{digest}", puller);
        await Registry.GetAsync($"/v2/{Repo}/blobs/{digest}", puller, ("Range", "bytes=0-2"));

        JsonArray accounts = JsonNode.Parse(await (await Registry.GetAsync($"/accounting/repositories/{Repo}", puller)).Content.ReadAsStringAsync(Token))!.AsArray();
        JsonNode node = accounts.Single(account => account!["subject"]!.GetValue<string>() == "node/one")!;
        Assert.AreEqual(Content.Length + 3, node["pulledBytes"]!.GetValue<long>());
        Assert.AreEqual(0, node["pushedBytes"]!.GetValue<long>());
        Assert.AreEqual(Content.Length, accounts.Single(account => account!["subject"]!.GetValue<string>() == "job/test/one")!["pushedBytes"]!.GetValue<long>());

        string id = node["grant"]!.GetValue<string>();
        Assert.HasCount(1, JsonNode.Parse(await (await Registry.GetAsync($"/accounting/grants/{id}", puller)).Content.ReadAsStringAsync(Token))!.AsArray());
        Assert.HasCount(0, JsonNode.Parse(await (await Registry.GetAsync($"/accounting/grants/{id}", Registry.Grant("models/other", "pull"))).Content.ReadAsStringAsync(Token))!.AsArray());
        await ExpectAsync(HttpStatusCode.Forbidden, "DENIED", await Registry.GetAsync($"/accounting/repositories/{Repo}", Registry.Grant("models/other", "pull")));

        string metrics = await Registry.Http.GetStringAsync("/metrics", Token);
        StringAssert.Contains(metrics, "aimodels_registry_transfer_bytes_total{consumer=\"node\",direction=\"pull\"}");
    }

    [TestMethod]
    public async Task Health_NeedsNoGrant()
    {
        Assert.AreEqual("ok", await Registry.Http.GetStringAsync("/livez", Token));
        Assert.AreEqual("ok", await Registry.Http.GetStringAsync("/readyz", Token));
    }

    private protected override void Configure(RegistryOptions options) => options.Anonymous = false;
}
