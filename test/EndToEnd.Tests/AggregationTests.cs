using System.Net;
using System.Security.Cryptography.X509Certificates;
using AiModels.ApiMachinery.Http;
using AiModels.Hosting.Certificates;
using AiModels.LocalCluster.Host.Aggregation;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace AiModels.EndToEnd.Tests;

/// <summary>The stand-in's aggregator as the server behind it sees it.</summary>
[TestClass]
public sealed class AggregationTests
{
    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Request_OfAUserWithSeveralGroups_HasALineAGroup()
    {
        string folder = Directory.CreateTempSubdirectory("aggregation-").FullName;
        CertificateAuthority authority = CertificateAuthority.LoadOrCreate(folder, "ca", TimeProvider.System);
        (string certificate, string key) = authority.LoadOrIssue(folder, "serving", new CertificateRequestOptions("localhost") { Hosts = ["127.0.0.1"], ForServer = true });
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        using X509Certificate2 pem = X509Certificate2.CreateFromPemFile(certificate, key);
        using X509Certificate2 serving = X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null);
        builder.WebHost.ConfigureKestrel(server => server.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(serving)));
        await using WebApplication app = builder.Build();
        app.Run(async http => await http.Response.WriteAsync(string.Join('|', (IEnumerable<string?>)http.Request.Headers["X-Remote-Group"])));
        await app.StartAsync(TestContext.CancellationToken);
        using var client = new AggregationClient(new Uri(app.Urls.First()), authority.Certificate, serving);
        string longName = new('g', 300);
        var user = new UserInfo { Name = "jane", Groups = ["team, a", "team-b\u001fsystem:masters", longName, "system:authenticated"] };

        for (int round = 0; round < 2; round++)
        {
            using HttpRequestMessage request = client.Request(HttpMethod.Post, "/", user);
            request.Content = new ByteArrayContent(new byte[100_000]);
            using HttpResponseMessage answer = await client.SendAsync(request, TestContext.CancellationToken);

            Assert.AreEqual($"team, a|{longName}|system:authenticated", await answer.Content.ReadAsStringAsync(TestContext.CancellationToken));
        }

        Directory.Delete(folder, recursive: true);
    }
}
