using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using AiModels.ModelPack.Grants;
using AiModels.TestKit;

namespace AiModels.Registry.Tests.ModelPack.Grants;

[TestClass]
public sealed class GrantTests
{
    private static readonly GrantAccess[] PullOne = [new("models/1", ["pull"])];

    private readonly ManualClock _clock = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("grants").FullName;

    private string KeyFile => Path.Combine(_folder, "private", "grants.pem");

    private string KeyFolder => Path.Combine(_folder, "public");

    [TestCleanup]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [TestMethod]
    public void TryValidate_OfASignedToken_GivesTheGrant()
    {
        using GrantSigner signer = Signer();
        string token = signer.Sign("job/ns/name", PullOne, TimeSpan.FromHours(1), out DateTimeOffset expiresAt);
        Assert.IsTrue(Validator().TryValidate(token, out Grant? grant, out _));
        Assert.AreEqual("job/ns/name", grant.Subject);
        Assert.AreEqual(expiresAt, grant.ExpiresAt);
        Assert.IsTrue(grant.Allows("models/1", "pull"));
        Assert.IsFalse(grant.Allows("models/1", "push"));
        Assert.IsFalse(grant.Allows("models/11", "pull"));
    }

    [TestMethod]
    public void Open_WhenTheKeyIsMissing_MakesOneForItsOwnerAloneAndKeepsIt()
    {
        using GrantSigner first = GrantSigner.Open(KeyFile, _clock);
        using GrantSigner second = GrantSigner.Open(KeyFile, _clock);
        Assert.AreEqual(first.KeyId, second.KeyId);
        Assert.AreEqual(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(KeyFile));
        Assert.HasCount(1, Directory.GetFiles(Path.GetDirectoryName(KeyFile)!));
    }

    [TestMethod]
    public void TryValidate_AfterItsEnd_RefusesEvenWhatWasRemembered()
    {
        using GrantSigner signer = Signer();
        string token = signer.Sign("x", PullOne, TimeSpan.FromHours(1), out _);
        GrantValidator validator = Validator();
        Assert.IsTrue(validator.TryValidate(token, out _, out _));
        _clock.Advance(TimeSpan.FromHours(1) + GrantValidator.ClockSkew + TimeSpan.FromSeconds(1));
        Assert.IsFalse(validator.TryValidate(token, out _, out string? problem));
        StringAssert.Contains(problem, "exp");
    }

    [TestMethod]
    public void TryValidate_BeforeItsTime_IsRefusedBeyondTheSkew()
    {
        using GrantSigner signer = Signer();
        Grant early = new() { Subject = "x", Access = PullOne, IssuedAt = _clock.GetUtcNow() + TimeSpan.FromMinutes(5), ExpiresAt = _clock.GetUtcNow() + TimeSpan.FromHours(1), Id = "1" };
        Assert.IsFalse(Validator().TryValidate(signer.Sign(early), out _, out string? problem));
        StringAssert.Contains(problem, "nbf");
        Assert.IsTrue(Validator().TryValidate(signer.Sign(early with { IssuedAt = _clock.GetUtcNow() + TimeSpan.FromSeconds(30) }), out _, out _));
    }

    [TestMethod]
    public void TryValidate_WhenTheKeyFileIsRemoved_RefusesWithinSeconds()
    {
        using GrantSigner signer = Signer();
        string token = signer.Sign("x", PullOne, TimeSpan.FromHours(1), out _);
        GrantValidator validator = Validator();
        Assert.IsTrue(validator.TryValidate(token, out _, out _));
        File.Delete(Path.Combine(KeyFolder, signer.KeyId + ".pem"));
        _clock.Advance(TimeSpan.FromSeconds(6));
        Assert.IsFalse(validator.TryValidate(token, out _, out _));
    }

    [TestMethod]
    public void TryValidate_WithAKeyThatWasAddedLater_AcceptsIt()
    {
        GrantValidator validator = Validator();
        Assert.IsFalse(validator.TryValidate("a.b.c", out _, out _));
        using GrantSigner signer = Signer();
        _clock.Advance(TimeSpan.FromSeconds(2));
        Assert.IsTrue(validator.TryValidate(signer.Sign("x", PullOne, TimeSpan.FromHours(1), out _), out _, out _));
    }

    [TestMethod]
    public void TryValidate_WithAnUnreadableKeyBesideAGoodOne_ReportsItAndGoesOn()
    {
        using GrantSigner signer = Signer();
        File.WriteAllText(Path.Combine(KeyFolder, "broken.pem"), "not a key");
        var reported = new List<string>();
        var validator = new GrantValidator(new GrantKeySet(KeyFolder, _clock, reported.Add), _clock);
        Assert.IsTrue(validator.TryValidate(signer.Sign("x", PullOne, TimeSpan.FromHours(1), out _), out _, out _));
        StringAssert.Contains(reported.Single(), "broken.pem");
    }

    [TestMethod]
    [DataRow("""{"typ":"JWT","alg":"none","kid":"KID"}""")]
    [DataRow("""{"typ":"JWT","alg":"HS256","kid":"KID"}""")]
    [DataRow("""{"typ":"JWT","alg":"es256","kid":"KID"}""")]
    [DataRow("""{"typ":"JWT","kid":"KID"}""")]
    [DataRow("""{"typ":"JWT","alg":"ES256"}""")]
    [DataRow("""{"typ":"JWT","alg":"ES256","alg":"none","kid":"KID"}""")]
    [DataRow("""{"typ":"JWT","alg":"ES256","kid":"KID","crit":["b64"]}""")]
    [DataRow("[]")]
    public void TryValidate_WithAHeaderThatIsNotOurs_IsRefused(string header)
    {
        using GrantSigner signer = Signer();
        string[] parts = signer.Sign("x", PullOne, TimeSpan.FromHours(1), out _).Split('.');
        string forged = Base64Url.EncodeToString(Encoding.UTF8.GetBytes(header.Replace("KID", signer.KeyId, StringComparison.Ordinal)));
        Assert.IsFalse(Validator().TryValidate($"{forged}.{parts[1]}.{parts[2]}", out _, out _));
        Assert.IsFalse(Validator().TryValidate($"{forged}.{parts[1]}.", out _, out _));
    }

    [TestMethod]
    public void TryValidate_WithHmacOverThePublicKey_IsRefused()
    {
        // The classic confusion: the public key taken for a shared secret.
        using GrantSigner signer = Signer();
        string header = Base64Url.EncodeToString(Encoding.UTF8.GetBytes($$"""{"typ":"JWT","alg":"HS256","kid":"{{signer.KeyId}}"}"""));
        string signed = header + "." + signer.Sign("x", PullOne, TimeSpan.FromHours(1), out _).Split('.')[1];
        byte[] secret = File.ReadAllBytes(Path.Combine(KeyFolder, signer.KeyId + ".pem"));
        string token = signed + "." + Base64Url.EncodeToString(HMACSHA256.HashData(secret, Encoding.ASCII.GetBytes(signed)));
        Assert.IsFalse(Validator().TryValidate(token, out _, out _));
    }

    [TestMethod]
    [DataRow("""{"typ":"JWT","alg":"ES256","kid":"THEIRS","jwk":JWK}""")]
    [DataRow("""{"typ":"JWT","alg":"ES256","kid":"KID","jwk":JWK}""")]
    [DataRow("""{"typ":"JWT","alg":"ES256","kid":"../private/grants"}""")]
    [DataRow("""{"typ":"JWT","alg":"ES256","kid":"KID.pem"}""")]
    [DataRow("""{"typ":"JWT","alg":"ES256","kid":["KID"]}""")]
    [DataRow("""{"typ":"JWT","alg":"ES256","kid":"' or 1=1"}""")]
    public void TryValidate_SignedByAKeyThatTheTokenBrings_IsRefused(string header)
    {
        using GrantSigner signer = Signer();
        using ECDsa theirs = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        ECParameters point = theirs.ExportParameters(includePrivateParameters: false);
        string key = $$"""{"kty":"EC","crv":"P-256","x":"{{Base64Url.EncodeToString(point.Q.X)}}","y":"{{Base64Url.EncodeToString(point.Q.Y)}}"}""";
        string forged = header.Replace("JWK", key, StringComparison.Ordinal).Replace("THEIRS", GrantKey.IdOf(theirs), StringComparison.Ordinal).Replace("KID", signer.KeyId, StringComparison.Ordinal);
        string claims = signer.Sign("x", PullOne, TimeSpan.FromHours(1), out _).Split('.')[1];
        Assert.IsFalse(Validator().TryValidate(Sign(theirs, forged, claims), out _, out _));
    }

    [TestMethod]
    [DataRow(0)]
    [DataRow(255)]
    public void TryValidate_WithASignatureOfOneByteOverAndOver_IsRefused(int value)
    {
        // r = s = 0 was once taken for a signature of everything (CVE-2022-21449).
        using GrantSigner signer = Signer();
        string[] parts = signer.Sign("x", PullOne, TimeSpan.FromHours(1), out _).Split('.');
        string signature = Base64Url.EncodeToString(Enumerable.Repeat((byte)value, 64).ToArray());
        Assert.IsFalse(Validator().TryValidate($"{parts[0]}.{parts[1]}.{signature}", out _, out _));
    }

    [TestMethod]
    [DataRow("iss", "\"someone\"")]
    [DataRow("aud", "\"another-registry\"")]
    [DataRow("aud", "[\"ai-models-registry\",\"another\"]")]
    [DataRow("aud", null)]
    [DataRow("exp", null)]
    [DataRow("exp", "\"2999-01-01\"")]
    [DataRow("exp", "-1")]
    [DataRow("exp", "1e400")]
    [DataRow("exp", "9999999999999")]
    [DataRow("nbf", null)]
    [DataRow("jti", null)]
    [DataRow("sub", "\"\"")]
    [DataRow("access", "{}")]
    [DataRow("access", "[{\"type\":\"registry\",\"name\":\"catalog\",\"actions\":[\"*\"]}]")]
    [DataRow("access", "[null]")]
    public void TryValidate_WithAClaimThatIsNotOurs_IsRefusedThoughItsSignatureIsGood(string claim, string? value)
    {
        using GrantSigner signer = Signer();
        using ECDsa key = ECDsa.Create();
        key.ImportFromPem(File.ReadAllText(KeyFile));
        string[] parts = signer.Sign("x", PullOne, TimeSpan.FromHours(1), out _).Split('.');
        string header = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(parts[0]));
        string good = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(parts[1]));
        Assert.IsTrue(Validator().TryValidate(Sign(key, header, parts[1]), out _, out _));

        string old = System.Text.Json.Nodes.JsonNode.Parse(good)![claim]!.ToJsonString();
        string changed = value is null
            ? good.Replace($"\"{claim}\":{old}", "\"x\":0", StringComparison.Ordinal)
            : good.Replace($"\"{claim}\":{old}", $"\"{claim}\":{value}", StringComparison.Ordinal);
        Assert.AreNotEqual(good, changed);
        Assert.IsFalse(Validator().TryValidate(Sign(key, header, Base64Url.EncodeToString(Encoding.UTF8.GetBytes(changed))), out _, out string? problem));
        StringAssert.Contains(problem, "claims");
    }

    [TestMethod]
    public void TryValidate_OfTokensWithAnyCharacterChanged_RefusesThem()
    {
        using GrantSigner signer = Signer();
        string token = signer.Sign("x", PullOne, TimeSpan.FromHours(1), out _);
        GrantValidator validator = Validator();
        var random = new Random(2);
        for (int i = 0; i < 300; i++)
        {
            char[] characters = token.ToCharArray();

            // The last character of base64url carries bits that mean nothing, and so may differ without harm.
            int at = random.Next(token.Length - 1);
            characters[at] = characters[at] == 'A' ? 'B' : 'A';
            Assert.IsFalse(validator.TryValidate(new string(characters), out _, out string? problem));
            Assert.IsNotNull(problem);
        }
    }

    [TestMethod]
    public void TryValidate_OfAnythingThatIsNoToken_SaysSo()
    {
        GrantValidator validator = Validator();
        foreach (string text in (string[])["", ".", "..", "...", "a", "a.b", "a.b.c.d", new string('a', 10_000), "ä.ö.ü", "{}.{}.{}"])
        {
            Assert.IsFalse(validator.TryValidate(text, out _, out string? problem));
            Assert.IsNotNull(problem);
        }
    }

    private static string Sign(ECDsa key, string header, string claims)
    {
        string signed = Base64Url.EncodeToString(Encoding.UTF8.GetBytes(header)) + "." + claims;
        return signed + "." + Base64Url.EncodeToString(key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation));
    }

    private GrantSigner Signer()
    {
        GrantSigner signer = GrantSigner.Open(KeyFile, _clock);
        signer.PublishKey(KeyFolder);
        return signer;
    }

    private GrantValidator Validator() => new(new GrantKeySet(KeyFolder, _clock), _clock);
}
