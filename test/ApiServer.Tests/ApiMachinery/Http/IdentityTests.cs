using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using AiModels.ApiMachinery.Http;
using AiModels.Hosting.Certificates;
using Microsoft.AspNetCore.Http;

namespace AiModels.ApiServer.Tests.ApiMachinery.Http;

/// <summary>What certificates and the front proxy's headers say of a user (contract A6 to A12).</summary>
[TestClass]
public sealed class IdentityTests
{
    private static CertificateAuthority s_authority = null!, s_other = null!;

    public required TestContext TestContext { get; set; }

    [ClassInitialize]
    public static void Create(TestContext context) =>
        (s_authority, s_other) = (CertificateAuthority.Create("one", TimeProvider.System), CertificateAuthority.Create("other", TimeProvider.System));

    [ClassCleanup]
    public static void Dispose()
    {
        s_authority.Dispose();
        s_other.Dispose();
    }

    [TestMethod]
    public async Task A9_A11_Headers_GiveNameUidGroupsAndExtras_AsTheyWereMeant()
    {
        DefaultHttpContext request = Request("front-proxy");
        request.Request.Headers["X-Remote-User"] = "";
        request.Request.Headers["X-Second-User"] = new[] { "jane", "never" };
        request.Request.Headers["X-Remote-Uid"] = new[] { "u1", "u2" };
        request.Request.Headers["X-Remote-Group"] = new[] { "b", "a" };
        request.Request.Headers["X-More-Groups"] = "c";
        request.Request.Headers["x-remote-extra-Example.com%2fScopes"] = new[] { "read", "write" };
        request.Request.Headers["X-Remote-Extra-50%zz%2f"] = "odd";

        UserInfo user = (await ProxyAsync(request)).User!;

        Assert.AreEqual(("jane", "u1", "b,a,c"), (user.Name, user.Uid, string.Join(',', user.Groups)));
        Assert.AreEqual("read,write", string.Join(',', user.Extra["example.com/scopes"]));
        Assert.AreEqual("odd", user.Extra["50%zz%2f"].Single(), "what cannot be decoded stays as it was sent");
        Assert.HasCount(2, user.Extra);
    }

    [TestMethod]
    public async Task A10_Headers_AreGoneAfterwards_WhetherTheyWereBelievedOrNot()
    {
        foreach (DefaultHttpContext request in new[] { Request("front-proxy"), Request("somebody"), Request(null) })
        {
            bool isProxy = request.Connection.ClientCertificate?.Subject == "CN=front-proxy";
            foreach (string name in new[] { "X-Remote-User", "X-Remote-Group", "X-Remote-Uid", "X-Remote-Extra-A", "X-Second-User", "X-More-Groups", "Authorization" })
            {
                request.Request.Headers[name] = "x";
            }

            await ProxyAsync(request);

            Assert.AreEqual(isProxy ? "" : "Authorization", string.Join(',', request.Request.Headers.Keys));
        }
    }

    [TestMethod]
    [DataRow("front-proxy", "jane", "jane")]
    [DataRow("front-proxy", "", "no opinion")]
    [DataRow("somebody", "jane", "x509: subject with cn=somebody is not in the allowed list")]
    [DataRow(null, "jane", "no opinion")]
    public async Task A7_A8_A10_Proxy_IsBelievedByItsName_AndHasNoOpinionWithoutAUser(string? certificate, string user, string outcome)
    {
        DefaultHttpContext request = Request(certificate);
        request.Request.Headers["X-Remote-User"] = user;

        AuthenticationResult result = await ProxyAsync(request);

        Assert.AreEqual(outcome, result.User?.Name ?? result.Failure ?? "no opinion");
    }

    [TestMethod]
    public async Task A7_Certificate_OfAnotherAuthority_OrForServersOnly_IsNoProxy()
    {
        foreach (X509Certificate2 certificate in new[]
        {
            s_other.Issue(new CertificateRequestOptions("front-proxy") { ForClient = true }), s_authority.Issue(new CertificateRequestOptions("front-proxy") { ForServer = true }),
        })
        {
            var request = new DefaultHttpContext();
            request.Connection.ClientCertificate = certificate;
            request.Request.Headers["X-Remote-User"] = "jane";

            AuthenticationResult result = await ProxyAsync(request);

            Assert.IsNull(result.User);
            StringAssert.StartsWith(result.Failure, "x509: ");
        }
    }

    [TestMethod]
    public async Task A7_EmptyListOfNames_LetsAnyCertificateOfTheAuthoritySpeak()
    {
        DefaultHttpContext request = Request("whoever");
        request.Request.Headers["X-Remote-User"] = "jane";

        Assert.AreEqual("jane", (await ProxyAsync(request, [])).User?.Name);
    }

    [TestMethod]
    public async Task A12_Certificate_GivesNameGroupsUidAndItsOwnId()
    {
        var subject = new X500DistinguishedNameBuilder();
        subject.AddOrganizationName("ops"); // What is added last is encoded first.
        subject.AddOrganizationName("dev");
        subject.AddCommonName("joe");
        subject.Add(new Oid("1.3.6.1.4.1.57683.2"), "u-1", System.Formats.Asn1.UniversalTagNumber.UTF8String);
        X509Certificate2 certificate = Issue(subject.Build());
        var request = new DefaultHttpContext();
        request.Connection.ClientCertificate = certificate;

        UserInfo user = (await CertificatesAsync(request)).User!;

        Assert.AreEqual(("joe", "u-1", "dev,ops"), (user.Name, user.Uid, string.Join(',', user.Groups)));
        Assert.AreEqual("X509SHA256=" + Convert.ToHexStringLower(SHA256.HashData(certificate.RawData)), user.Extra["authentication.kubernetes.io/credential-id"].Single());
    }

    [TestMethod]
    public async Task A12_Certificate_WithoutAName_IsNobody()
    {
        var subject = new X500DistinguishedNameBuilder();
        subject.AddOrganizationName("system:masters");
        var request = new DefaultHttpContext();
        request.Connection.ClientCertificate = Issue(subject.Build());

        AuthenticationResult result = await CertificatesAsync(request);

        Assert.AreEqual(AuthenticationResult.NoOpinion, result);
    }

    private async Task<AuthenticationResult> CertificatesAsync(HttpContext request) => await new ClientCertificateAuthenticator(Verifier()).AuthenticateAsync(request, TestContext.CancellationToken);

    private async Task<AuthenticationResult> ProxyAsync(HttpContext request, IReadOnlyList<string>? names = null)
    {
        var options = new FrontProxyOptions
        {
            AllowedNames = names ?? ["front-proxy"],
            UsernameHeaders = ["X-Remote-User", "X-Second-User"],
            GroupHeaders = ["X-Remote-Group", "X-More-Groups"],
        };
        return await new FrontProxyAuthenticator(Verifier(), () => options).AuthenticateAsync(request, TestContext.CancellationToken);
    }

    private static CertificateVerifier Verifier()
    {
        X509Certificate2Collection authorities = [s_authority.Certificate];
        return new CertificateVerifier(() => authorities, TimeProvider.System);
    }

    private static DefaultHttpContext Request(string? certificate)
    {
        var request = new DefaultHttpContext();
        request.Connection.ClientCertificate = certificate is null ? null : s_authority.Issue(new CertificateRequestOptions(certificate) { ForClient = true });
        return request;
    }

    private static X509Certificate2 Issue(X500DistinguishedName subject)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.2")], false));
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        return request.Create(s_authority.Certificate, now.AddHours(-1), now.AddHours(1), [1, 2, 3]);
    }
}
