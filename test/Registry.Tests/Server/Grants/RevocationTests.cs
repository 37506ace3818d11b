using System.Net;
using System.Net.Http.Json;
using AiModels.ModelPack.Grants;
using AiModels.Registry.Inspection;
using AiModels.Registry.Tests.Server.Api;

namespace AiModels.Registry.Tests.Server.Grants;

/// <summary>Grants that are taken back before they end, and keys that are exchanged (requirement S3).</summary>
[TestClass]
public sealed class RevocationTests : RegistryTestBase
{
    private string Operator => Registry.Grant(GrantActions.Registry, GrantActions.Inspect);

    [TestMethod]
    public async Task Revoke_OneGrant_RefusesItAtOnceAndAfterARestartAndNoOther()
    {
        string revoked = Registry.Grant(Repo, GrantActions.Pull), other = Registry.Grant(Repo, GrantActions.Pull);
        await ExpectAsync(HttpStatusCode.OK, null, await Registry.GetAsync("/v2/", revoked));

        await ExpectAsync(HttpStatusCode.Created, null, await RevokeAsync(new { grant = IdOf(revoked), reason = "leaked" }));

        HttpResponseMessage refused = await Registry.GetAsync("/v2/", revoked);
        await ExpectAsync(HttpStatusCode.Unauthorized, "UNAUTHORIZED", refused);
        Assert.Contains("leaked", await refused.Content.ReadAsStringAsync(Token));
        await ExpectAsync(HttpStatusCode.Unauthorized, null, await Registry.GetAsync("/token", revoked));
        await ExpectAsync(HttpStatusCode.OK, null, await Registry.GetAsync("/v2/", other));
        await Registry.RestartAsync();
        await ExpectAsync(HttpStatusCode.Unauthorized, "UNAUTHORIZED", await Registry.GetAsync("/v2/", revoked));
    }

    [TestMethod]
    public async Task Revoke_Subject_RefusesWhatItHasAndTakesWhatItIsGivenAfterwards()
    {
        string before = Registry.Grant(TimeSpan.FromHours(1), "node/worker-1", (Repo, [GrantActions.Pull]));
        string other = Registry.Grant(TimeSpan.FromHours(1), "node/worker-2", (Repo, [GrantActions.Pull]));
        await ExpectAsync(HttpStatusCode.Created, null, await RevokeAsync(new { subject = "node/worker-1" }));
        Registry.Clock.Shift += TimeSpan.FromSeconds(2);
        string after = Registry.Grant(TimeSpan.FromHours(1), "node/worker-1", (Repo, [GrantActions.Pull]));

        await ExpectAsync(HttpStatusCode.Unauthorized, null, await Registry.GetAsync("/v2/", before));
        await ExpectAsync(HttpStatusCode.OK, null, await Registry.GetAsync("/v2/", other));
        await ExpectAsync(HttpStatusCode.OK, null, await Registry.GetAsync("/v2/", after));
    }

    [TestMethod]
    public async Task Revoke_WithoutTheRightOrSense_IsRefused()
    {
        HttpResponseMessage denied = await Registry.SendAsync(HttpMethod.Post, "/revocations", JsonContent.Create(new { subject = "x" }), Registry.Grant(Repo, GrantActions.Delete));
        await ExpectAsync(HttpStatusCode.Forbidden, "DENIED", denied);
        await ExpectAsync(HttpStatusCode.BadRequest, null, await RevokeAsync(new { grant = "a", subject = "b" }));
        await ExpectAsync(HttpStatusCode.BadRequest, null, await RevokeAsync(new { reason = "none" }));
    }

    [TestMethod]
    public async Task RevokeVerb_ByTheGrantItselfOrASubject_RefusesThem()
    {
        string leaked = Registry.Grant(Repo, GrantActions.Pull);
        string lost = Registry.Grant(TimeSpan.FromHours(1), "node/worker-1", (Repo, [GrantActions.Pull]));
        Assert.AreEqual(0, await InspectCommands.RevokeAsync(new RevokeOptions { Registry = Registry.Address, Grant = Operator, Id = leaked, Reason = "leaked" }, Token));
        Assert.AreEqual(0, await InspectCommands.RevokeAsync(new RevokeOptions { Registry = Registry.Address, Grant = Operator, Subject = "node/worker-1" }, Token));
        await ExpectAsync(HttpStatusCode.Unauthorized, "UNAUTHORIZED", await Registry.GetAsync("/v2/", leaked));
        await ExpectAsync(HttpStatusCode.Unauthorized, "UNAUTHORIZED", await Registry.GetAsync("/v2/", lost));
    }

    [TestMethod]
    [DataRow("{}")]
    [DataRow("{\"grant\":\"\",\"subject\":\"node/worker-1\"}")]
    [DataRow("{\"grant\":\"one\",\"subject\":\"node/worker-1\"}")]
    [DataRow("{\"grant\":7}")]
    [DataRow("nonsense")]
    public async Task Revoke_WithABadDocument_RevokesNothingAndSaysWhatIsWanted(string document)
    {
        HttpResponseMessage response = await Registry.SendAsync(HttpMethod.Post, "/revocations", new StringContent(document), Operator);
        await ExpectAsync(HttpStatusCode.BadRequest, null, response);
        Assert.DoesNotContain("AiModels", await response.Content.ReadAsStringAsync(Token));
        HttpResponseMessage all = await Registry.GetAsync("/revocations", Operator);
        Assert.AreEqual("[]", await all.Content.ReadAsStringAsync(Token));
    }

    [TestMethod]
    [DataRow(null, null)]
    [DataRow("one", "node/worker-1")]
    [DataRow("no.grant.atall", null)]
    public void RevokeVerb_OfNothingOrTwoThings_SaysWhatIsWanted(string? id, string? subject)
    {
        var options = new RevokeOptions { Registry = "unix:///r.sock", Id = id, Subject = subject };
        Assert.IsNotEmpty(options.Validate(new System.ComponentModel.DataAnnotations.ValidationContext(options)).ToArray());
    }

    [TestMethod]
    public void Signer_OfAFolder_SignsWithTheNewKeyWhenItHasSettledAndPublishesBoth()
    {
        using var folder = new TemporaryFolder();
        string keys = folder.Combine("private"), published = folder.Combine("public");
        Directory.CreateDirectory(keys);
        var clock = new ShiftedClock();
        using GrantSigner old = GrantSigner.Open(Path.Combine(keys, "2026-01.pem"), clock);
        File.SetLastWriteTimeUtc(Path.Combine(keys, "2026-01.pem"), clock.GetUtcNow().UtcDateTime - TimeSpan.FromHours(1));
        using GrantSigner signer = GrantSigner.Open(keys, clock);
        signer.PublishKey(published);
        Assert.AreEqual(old.KeyId, signer.KeyId);

        using GrantSigner next = GrantSigner.Open(Path.Combine(keys, "2026-02.pem"), clock);
        clock.Shift += TimeSpan.FromSeconds(6);
        Assert.AreEqual(old.KeyId, signer.KeyId, "registries may not know the new key yet");
        Assert.AreEqual(2, Directory.GetFiles(published, "*.pem").Length, "but they are told");

        string before = signer.Sign("job/a/b", [new GrantAccess(Repo, [GrantActions.Pull])], TimeSpan.FromHours(1), out _);
        clock.Shift += GrantSigner.SettleTime;
        Assert.AreEqual(next.KeyId, signer.KeyId);
        string after = signer.Sign("job/a/b", [new GrantAccess(Repo, [GrantActions.Pull])], TimeSpan.FromHours(1), out _);
        var validator = new GrantValidator(new GrantKeySet(published, clock), clock);
        Assert.IsTrue(validator.TryValidate(before, out _, out _), "what the old key signed stays good");
        Assert.IsTrue(validator.TryValidate(after, out _, out _));
    }

    private async Task<HttpResponseMessage> RevokeAsync(object document)
    {
        var content = JsonContent.Create(document);
        await content.LoadIntoBufferAsync(Token); // with a Content-Length, which JsonContent alone does not tell
        return await Registry.SendAsync(HttpMethod.Post, "/revocations", content, Operator);
    }

    private static string IdOf(string token)
    {
        string claims = System.Text.Encoding.UTF8.GetString(System.Buffers.Text.Base64Url.DecodeFromChars(token.Split('.')[1]));
        return (string)System.Text.Json.Nodes.JsonNode.Parse(claims)!["jti"]!;
    }
}
