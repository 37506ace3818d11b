using System.Net;
using System.Security.Cryptography.X509Certificates;
using AiModels.ApiMachinery.Http;
using AiModels.Hosting.Certificates;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;

namespace AiModels.ApiServer.Tests.ApiMachinery.Http;

/// <summary>Who makes a request and what they may do, over TLS with real certificates (contract section 3).</summary>
[TestClass]
public sealed class AccessTests
{
    private static CertificateAuthority s_clients = null!, s_proxies = null!;
    private static WidgetServer s_server = null!;

    [ClassInitialize]
    public static async Task StartAsync(TestContext context)
    {
        s_clients = CertificateAuthority.Create("clients", TimeProvider.System);
        s_proxies = CertificateAuthority.Create("proxies", TimeProvider.System);
        X509Certificate2 serving = s_clients.Issue(new CertificateRequestOptions("localhost") { Hosts = ["127.0.0.1"], ForServer = true });
        X509Certificate2Collection clients = [s_clients.Certificate], proxies = [s_proxies.Certificate];
        s_server = await WidgetServer.StartAsync(
            api =>
            {
                api.Services.AddSingleton<IRequestAuthenticator>(new FrontProxyAuthenticator(
                    new CertificateVerifier(() => proxies, TimeProvider.System), () => new FrontProxyOptions { AllowedNames = ["front-proxy"] }));
                api.Services.AddSingleton<IRequestAuthenticator>(new ClientCertificateAuthenticator(new CertificateVerifier(() => clients, TimeProvider.System)));
                api.Services.AddSingleton<IRequestAuthenticator>(StaticTokenAuthenticator.Of(
                    new Dictionary<string, UserInfo> { ["secret"] = new() { Name = "robot" }, ["admin"] = new() { Name = "root", Groups = ["system:masters"] } }));
            },
            kestrel: server => server.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(https =>
            {
                https.ServerCertificate = serving;
                https.ClientCertificateMode = ClientCertificateMode.AllowCertificate;
                https.AllowAnyClientCertificate();
            })),
            allowsAll: false);
    }

    [ClassCleanup]
    public static async Task StopAsync()
    {
        await s_server.DisposeAsync();
        s_clients.Dispose();
        s_proxies.Dispose();
    }

    [TestMethod]
    public async Task A14_A19_Anonymous_IsForbidden_InUpstreamsWords()
    {
        (int code, string text) = await SendAsync(null, WidgetServer.Widgets() + "/a");
        (int path, string pathText) = await SendAsync(null, "/apis");

        Assert.AreEqual(403, code);
        StringAssert.Contains(text,
            "widgets.example.com \\\"a\\\" is forbidden: User \\\"system:anonymous\\\" cannot get resource \\\"widgets\\\" in API group \\\"example.com\\\" in the namespace \\\"default\\\"");
        Assert.AreEqual(403, path);
        StringAssert.Contains(pathText, "forbidden: User \\\"system:anonymous\\\" cannot get path \\\"/apis\\\"");
    }

    [TestMethod]
    public async Task A16_Health_NeedsNoUser() => Assert.AreEqual(200, (await SendAsync(null, "/readyz")).Code);

    [TestMethod]
    public async Task A12_A16_ClientCertificate_OfMasters_MayDoEverything()
    {
        X509Certificate2 admin = s_clients.Issue(new CertificateRequestOptions("admin") { Organizations = ["system:masters"], ForClient = true });

        Assert.AreEqual(200, (await SendAsync(admin, WidgetServer.Widgets())).Code);
    }

    [TestMethod]
    public async Task A6_A8_A15_CertificateOfAnotherAuthority_IsUnauthorizedAndNotAnonymous()
    {
        X509Certificate2 stranger = s_proxies.Issue(new CertificateRequestOptions("stranger") { Organizations = ["system:masters"], ForClient = true });

        (int code, string text) = await SendAsync(stranger, WidgetServer.Widgets());

        Assert.AreEqual(401, code);
        Assert.AreEqual("""{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"Unauthorized","reason":"Unauthorized","code":401}""", text.Trim());
    }

    [TestMethod]
    public async Task A7_A9_FrontProxy_SpeaksForItsUsers()
    {
        X509Certificate2 proxy = s_proxies.Issue(new CertificateRequestOptions("front-proxy") { ForClient = true });

        (int master, _) = await SendAsync(proxy, WidgetServer.Widgets(), ("X-Remote-User", "jane"), ("X-Remote-Group", "system:masters"));
        (int jane, string text) = await SendAsync(proxy, WidgetServer.Widgets(), ("X-Remote-User", "jane"), ("X-Remote-Group", "people"));

        Assert.AreEqual(200, master);
        Assert.AreEqual(403, jane);
        StringAssert.Contains(text, "User \\\"jane\\\" cannot list resource");
    }

    [TestMethod]
    public async Task A7_A10_RemoteHeaders_OfOthers_MeanNothing()
    {
        X509Certificate2 wrongName = s_proxies.Issue(new CertificateRequestOptions("other") { ForClient = true });
        X509Certificate2 user = s_clients.Issue(new CertificateRequestOptions("joe") { ForClient = true });

        (int anonymous, string text) = await SendAsync(null, WidgetServer.Widgets(), ("X-Remote-User", "jane"), ("X-Remote-Group", "system:masters"));
        (int named, _) = await SendAsync(wrongName, WidgetServer.Widgets(), ("X-Remote-User", "jane"), ("X-Remote-Group", "system:masters"));
        (int joe, string joeText) = await SendAsync(user, WidgetServer.Widgets(), ("X-Remote-User", "jane"), ("X-Remote-Group", "system:masters"));

        Assert.AreEqual(403, anonymous);
        StringAssert.Contains(text, "system:anonymous");
        Assert.AreEqual(401, named);
        Assert.AreEqual(403, joe);
        StringAssert.Contains(joeText, "User \\\"joe\\\"");
    }

    [TestMethod]
    public async Task A6_Tokens_AreKnownOrUnauthorized()
    {
        (int known, string text) = await SendAsync(null, WidgetServer.Widgets(), ("Authorization", "Bearer secret"));
        (int discovery, _) = await SendAsync(null, "/apis/example.com/v1", ("Authorization", "Bearer secret"));
        (int admin, _) = await SendAsync(null, WidgetServer.Widgets(), ("Authorization", "Bearer admin"));
        (int unknown, _) = await SendAsync(null, WidgetServer.Widgets(), ("Authorization", "Bearer wrong"));

        Assert.AreEqual(403, known);
        StringAssert.Contains(text, "User \\\"robot\\\"");
        Assert.AreEqual(200, discovery, "everybody with a name may read discovery");
        Assert.AreEqual(200, admin);
        Assert.AreEqual(401, unknown);
    }

    [TestMethod]
    public async Task A23_Impersonation_IsForThoseWhoMay()
    {
        (int allowed, string text) = await SendAsync(
            null, WidgetServer.Widgets(), ("Authorization", "Bearer admin"), ("Impersonate-User", "jane"), ("Impersonate-Group", "people"));
        (int refused, string refusal) = await SendAsync(null, WidgetServer.Widgets(), ("Authorization", "Bearer secret"), ("Impersonate-User", "root"));

        Assert.AreEqual(403, allowed);
        StringAssert.Contains(text, "User \\\"jane\\\" cannot list resource");
        Assert.AreEqual(403, refused);
        StringAssert.Contains(refusal, "users \\\"root\\\" is forbidden: User \\\"robot\\\" cannot impersonate resource \\\"users\\\"");
    }

    private static async Task<(int Code, string Text)> SendAsync(X509Certificate2? certificate, string path, params (string Name, string Value)[] headers)
    {
        using var handler = new SocketsHttpHandler();
        handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        handler.SslOptions.CertificateChainPolicy.CustomTrustStore.Add(s_clients.Certificate);
        if (certificate is not null)
        {
            handler.SslOptions.ClientCertificates = [certificate];
            handler.SslOptions.LocalCertificateSelectionCallback = (_, _, _, _, _) => certificate;
        }

        using var client = new HttpClient(handler) { BaseAddress = s_server.Address };
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        foreach ((string name, string value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        using HttpResponseMessage response = await client.SendAsync(request);
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync());
    }
}
