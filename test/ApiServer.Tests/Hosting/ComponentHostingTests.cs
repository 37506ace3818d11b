using System.Net;
using System.Security.Cryptography.X509Certificates;
using AiModels.Hosting;
using AiModels.Hosting.Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace AiModels.ApiServer.Tests.Hosting;

[TestClass]
public sealed class ComponentHostingTests
{
    private bool _storeIsUp = true;

    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    [Timeout(30_000, CooperativeCancellation = true)]
    public async Task Component_OverTls_ServesHealthMetricsAndHttp2()
    {
        using CertificateAuthority authority = CertificateAuthority.Create("test-ca", TimeProvider.System);
        using var certificate = ServingCertificate.Of(
            authority.Issue(new CertificateRequestOptions("localhost") { Hosts = ["127.0.0.1"], ForServer = true }), TimeProvider.System);
        await using WebApplication app = Build(certificate);
        await app.StartAsync(TestContext.CancellationToken);
        using HttpClient client = Client(app, authority);

        Assert.AreEqual("ok", await client.GetStringAsync("/livez", TestContext.CancellationToken));
        using HttpResponseMessage ready = await client.GetAsync("/readyz?verbose", TestContext.CancellationToken);
        Assert.AreEqual(HttpVersion.Version20, ready.Version);
        Assert.AreEqual("[+]ping ok\n[+]store ok\nreadyz check passed\n", await ready.Content.ReadAsStringAsync(TestContext.CancellationToken));

        _storeIsUp = false;
        using HttpResponseMessage failed = await client.GetAsync("/readyz", TestContext.CancellationToken);
        Assert.AreEqual(HttpStatusCode.InternalServerError, failed.StatusCode);
        StringAssert.Contains(await failed.Content.ReadAsStringAsync(TestContext.CancellationToken), "[-]store failed: disk is gone");
        Assert.AreEqual("ok", await client.GetStringAsync("/readyz?exclude=store", TestContext.CancellationToken));
        Assert.AreEqual("ok", await client.GetStringAsync("/livez", TestContext.CancellationToken));

        string metrics = await client.GetStringAsync("/metrics", TestContext.CancellationToken);
        StringAssert.Contains(metrics, "# TYPE http_server_request_duration_seconds histogram");
        Assert.AreEqual("alice", await client.GetStringAsync("/who", TestContext.CancellationToken));
    }

    [TestMethod]
    public void LoadOrIssue_Again_KeepsTheCertificate()
    {
        string directory = Directory.CreateTempSubdirectory("ca-").FullName;
        using CertificateAuthority authority = CertificateAuthority.LoadOrCreate(directory, "ca", TimeProvider.System);
        var options = new CertificateRequestOptions("localhost") { Hosts = ["localhost"], ForServer = true };
        (string file, string key) = authority.LoadOrIssue(directory, "serving", options);
        string first = File.ReadAllText(file);
        using CertificateAuthority again = CertificateAuthority.LoadOrCreate(directory, "ca", TimeProvider.System);
        again.LoadOrIssue(directory, "serving", options);
        Assert.AreEqual(first, File.ReadAllText(file));
        Assert.AreEqual(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(key));
        Directory.Delete(directory, recursive: true);
    }

    private WebApplication Build(ServingCertificate certificate)
    {
        WebApplicationBuilder builder = ComponentHosting.CreateBuilder("sample");
        builder.Services.AddHealthChecks().AddCheck("store", () => _storeIsUp ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy("disk is gone"));
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0, l => l.UseServingCertificate(certificate, requestClientCertificate: true)));
        WebApplication app = builder.Build();
        app.MapComponentEndpoints();
        app.MapGet("/who", (HttpContext http) => http.Connection.ClientCertificate?.GetNameInfo(X509NameType.SimpleName, false) ?? "nobody");
        return app;
    }

    private static HttpClient Client(WebApplication app, CertificateAuthority authority)
    {
        string address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        var handler = new SocketsHttpHandler();
        handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        handler.SslOptions.CertificateChainPolicy.CustomTrustStore.Add(authority.Certificate);
        handler.SslOptions.ClientCertificates = [authority.Issue(new CertificateRequestOptions("alice") { ForClient = true })];
        return new HttpClient(handler) { BaseAddress = new Uri(address), DefaultRequestVersion = HttpVersion.Version20 };
    }
}
