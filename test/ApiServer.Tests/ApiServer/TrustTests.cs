using System.Diagnostics;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using AiModels.ApiServer.Access;
using AiModels.Hosting.Certificates;
using AiModels.Hosting.CommandLine;
using AiModels.TestKit;

namespace AiModels.ApiServer.Tests.ApiServer;

/// <summary>Whom the API server believes, found in the host cluster as upstream's delegated authentication finds it (contract 3.1, 3.2).</summary>
[TestClass]
public sealed class TrustTests
{
    private const string Models = "/apis/ai.deckhouse.io/v1alpha1/namespaces/team-a/models";
    private FakeHost _host = null!;

    public required TestContext TestContext { get; set; }

    private CancellationToken Cancelled => TestContext.CancellationToken;

    [TestInitialize]
    public async Task StartAsync() => _host = await FakeHost.StartAsync();

    [TestCleanup]
    public async Task StopAsync() => await _host.DisposeAsync();

    [TestMethod]
    [Timeout(120_000)]
    public async Task A1_A2_A7_A9_A11_Q2_FrontProxy_IsBelievedByTheConfigMap_AndARotatedAuthorityCountsWithoutARestart()
    {
        using CertificateAuthority first = CertificateAuthority.Create("proxies-1", TimeProvider.System), second = CertificateAuthority.Create("proxies-2", TimeProvider.System);
        using CertificateAuthority clients = CertificateAuthority.Create("clients", TimeProvider.System);
        await PublishAsync(clients, first);
        await using RunningServer server = await StartServerAsync();
        X509Certificate2 before = first.Issue(new CertificateRequestOptions("front-proxy-client") { ForClient = true });
        X509Certificate2 after = second.Issue(new CertificateRequestOptions("front-proxy-client") { ForClient = true });
        (string, string)[] jane = [("X-Remote-User", "jane"), ("X-Remote-Group", "dev"), ("X-Remote-Extra-Example.com%2fScopes", "a")];
        string? asked = null;
        _host.Allows = (user, verb) =>
        {
            asked = $"{user} {verb}";
            return true;
        };

        Assert.AreEqual(200, await GetAsync(server, before, jane));
        Assert.AreEqual("jane list", asked);
        Assert.AreEqual(401, await GetAsync(server, after, jane));

        await PublishAsync(clients, second);
        await Eventually.GetAsync(() => GetAsync(server, after, jane), code => code == 200, "the new authority is believed", Cancelled);
        Assert.AreEqual(401, await GetAsync(server, before, jane), "the old one is not any more");
    }

    [TestMethod]
    [Timeout(120_000)]
    public async Task A2_A12_A13_A17_Users_ComeByCertificateOrToken_AndTheHostIsAskedOnceInTenSeconds()
    {
        using CertificateAuthority clients = CertificateAuthority.Create("clients", TimeProvider.System), proxies = CertificateAuthority.Create("proxies", TimeProvider.System);
        await PublishAsync(clients, proxies);
        await using RunningServer server = await StartServerAsync();
        X509Certificate2 joe = clients.Issue(new CertificateRequestOptions("joe") { ForClient = true });

        Assert.AreEqual(200, await GetAsync(server, joe));
        Assert.AreEqual(200, await GetAsync(server, null, ("Authorization", "Bearer good")));
        Assert.AreEqual(200, await GetAsync(server, null, ("Authorization", "Bearer good")));
        Assert.AreEqual(401, await GetAsync(server, null, ("Authorization", "Bearer bad")));
        Assert.AreEqual(200, await GetAsync(server, null), "anonymous, and the host says that it may");

        Assert.HasCount(2, _host.Requests.Where(request => request.EndsWith("tokenreviews", StringComparison.Ordinal)).ToArray(), "one for each token");
        Assert.Contains("GET /api/v1/namespaces/kube-system/configmaps?fieldSelector=metadata.name%3Dextension-apiserver-authentication&limit=500", _host.Requests);
    }

    [TestMethod]
    [Timeout(120_000)]
    public async Task A16_A22_D6_D9_HealthDiscoveryAndAvailability_AskNobody()
    {
        using CertificateAuthority clients = CertificateAuthority.Create("clients", TimeProvider.System), proxies = CertificateAuthority.Create("proxies", TimeProvider.System);
        await PublishAsync(clients, proxies);
        await using RunningServer server = await StartServerAsync();
        X509Certificate2 proxy = proxies.Issue(new CertificateRequestOptions("front-proxy-client") { ForClient = true });
        _host.Allows = (_, _) => false;
        await Eventually.GetAsync(() => GetAsync(server, null, "/readyz"), code => code == 200, "the host's objects are known", Cancelled);

        foreach (string path in new[] { "/apis", "/apis/ai.deckhouse.io/v1alpha1", "/openapi/v2", "/openapi/v3", "/version", "/livez", "/readyz" })
        {
            Assert.AreEqual(200, await GetAsync(server, proxy, path, ("X-Remote-User", "system:kube-aggregator")), path);
        }

        Assert.IsEmpty(_host.Requests.Where(request => request.EndsWith("subjectaccessreviews", StringComparison.Ordinal)).ToArray());
        Assert.AreEqual(403, await GetAsync(server, proxy, ("X-Remote-User", "jane")), "what the proxy has authorized already is authorized again");
    }

    [TestMethod]
    [Timeout(120_000)]
    public async Task A3_Handshake_OffersBothAuthorities_AndRefusesNobody()
    {
        using CertificateAuthority clients = CertificateAuthority.Create("clients-of-a3", TimeProvider.System), proxies = CertificateAuthority.Create("proxies-of-a3", TimeProvider.System);
        await PublishAsync(clients, proxies);
        await using RunningServer server = await StartServerAsync();
        var start = new ProcessStartInfo("openssl", ["s_client", "-connect", new Uri(server.Url).Authority, "-alpn", "h2,http/1.1"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process openssl = Process.Start(start)!;
        openssl.StandardInput.Close();
        Task<string> errors = openssl.StandardError.ReadToEndAsync(Cancelled);
        string output = await openssl.StandardOutput.ReadToEndAsync(Cancelled);
        await errors;
        await openssl.WaitForExitAsync(Cancelled);

        StringAssert.Contains(output, "Acceptable client certificate CA names");
        StringAssert.Contains(output, "clients-of-a3");
        StringAssert.Contains(output, "proxies-of-a3");
        StringAssert.Contains(output, "ALPN protocol: h2");
    }

    [TestMethod]
    [Timeout(120_000)]
    public async Task A2_Lookup_ThatFails_EndsTheStart_UnlessItIsToleratedOrSkipped()
    {
        BadOptionException failure = await Assert.ThrowsExactlyAsync<BadOptionException>(async () => await StartServerAsync());
        StringAssert.Contains(failure.Message, "kube-system/extension-apiserver-authentication");
        StringAssert.Contains(failure.Message, "extension-apiserver-authentication-reader");

        using CertificateAuthority clients = CertificateAuthority.Create("clients", TimeProvider.System), proxies = CertificateAuthority.Create("proxies", TimeProvider.System);
        X509Certificate2 joe = clients.Issue(new CertificateRequestOptions("joe") { ForClient = true });
        await using RunningServer tolerant = await StartServerAsync(options => options.AuthenticationTolerateLookupFailure = true);
        await using RunningServer skipping = await StartServerAsync(options => options.AuthenticationSkipLookup = true);
        Assert.AreEqual(401, await GetAsync(tolerant, joe));

        await PublishAsync(clients, proxies);
        await Eventually.GetAsync(() => GetAsync(tolerant, joe), code => code == 200, "the ConfigMap that came later counts", Cancelled);
        Assert.AreEqual(401, await GetAsync(skipping, joe));
    }

    [TestMethod]
    [Timeout(120_000)]
    public async Task G1_G2_G4_AD1_Namespaces_AndWebhooksOfTheHost_CountHere()
    {
        using CertificateAuthority clients = CertificateAuthority.Create("clients", TimeProvider.System), proxies = CertificateAuthority.Create("proxies", TimeProvider.System);
        await PublishAsync(clients, proxies);
        await using RunningServer server = await StartServerAsync();
        await _host.WriteAsync("", "namespaces", "", "ending", new JsonObject { ["status"] = new JsonObject { ["phase"] = "Terminating" } });

        Assert.AreEqual("namespaces \"absent\" not found", (string?)(await CreateAsync(server, "absent")).Body["message"]);
        JsonObject refused = (await CreateAsync(server, "ending")).Body;
        Assert.AreEqual("models.ai.deckhouse.io \"m\" is forbidden: unable to create new content in namespace ending because it is being terminated", (string?)refused["message"]);
        Assert.AreEqual("NamespaceTerminating", (string?)refused["details"]!["causes"]![0]!["reason"]);
        Assert.AreEqual(201, (int)(await CreateAsync(server, "team-a")).Code);

        // A policy engine comes; it cannot be reached, so that nothing is created any more.
        await _host.WriteAsync("admissionregistration.k8s.io", "validatingwebhookconfigurations", "", "policy", JsonNode.Parse(
            """{"webhooks":[{"name":"v.example.com","clientConfig":{"url":"https://127.0.0.1:1/"},"rules":[{"apiGroups":["ai.deckhouse.io"],"apiVersions":["*"],"operations":["CREATE"],"resources":["models"]}]}]}""")!.AsObject());
        var (_, body) = await Eventually.GetAsync(() => CreateAsync(server, "team-a", "other" + Guid.NewGuid().ToString("N")[..8]), answer => (int)answer.Code == 500, "the webhook is asked", Cancelled);
        StringAssert.StartsWith((string?)body["message"], "Internal error occurred: failed calling webhook \"v.example.com\"");
    }

    [TestMethod]
    public void Authorities_InAFile_AreReadAgainWhenItChanges()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("ca-");
        string file = Path.Combine(folder.FullName, "ca.crt");
        using CertificateAuthority first = CertificateAuthority.Create("one", TimeProvider.System), second = CertificateAuthority.Create("two", TimeProvider.System);
        var clock = new ManualClock();
        File.WriteAllText(file, first.Certificate.ExportCertificatePem());
        var authorities = new AuthorityFile("--client-ca-file", file, clock);
        X509Certificate2Collection before = authorities.Current;

        File.WriteAllText(file, second.Certificate.ExportCertificatePem());
        File.SetLastWriteTimeUtc(file, File.GetLastWriteTimeUtc(file).AddMinutes(1));
        clock.Advance(TimeSpan.FromSeconds(11));
        X509Certificate2Collection changed = authorities.Current;
        File.WriteAllText(file, "half of a file");
        File.SetLastWriteTimeUtc(file, File.GetLastWriteTimeUtc(file).AddMinutes(2));
        clock.Advance(TimeSpan.FromSeconds(11));

        Assert.AreEqual("CN=one", before[0].Subject);
        Assert.AreEqual("CN=two", changed[0].Subject);
        Assert.AreSame(changed, authorities.Current, "the last good ones stay");
        folder.Delete(recursive: true);
    }

    [TestMethod]
    public void A1_ConfigMap_WithAValueOfAnotherForm_NamesTheKey()
    {
        var configMap = new JsonObject { ["data"] = new JsonObject { ["requestheader-allowed-names"] = "front-proxy-client" } };

        var failure = Assert.ThrowsExactly<FormatException>(() => TrustBundle.Read(configMap));

        Assert.AreEqual("requestheader-allowed-names: 'front-proxy-client' is not a JSON array of strings", failure.Message);
    }

    private Task<RunningServer> StartServerAsync(Action<ApiServerOptions>? options = null) => RunningServer.StartAsync(options: settings =>
    {
        settings.Kubeconfig = _host.Kubeconfig;
        options?.Invoke(settings);
    });

    private Task PublishAsync(CertificateAuthority clients, CertificateAuthority proxies) => _host.WriteAsync(
        "", "configmaps", "kube-system", "extension-apiserver-authentication", new JsonObject
        {
            ["data"] = new JsonObject
            {
                ["client-ca-file"] = clients.Certificate.ExportCertificatePem(),
                ["requestheader-client-ca-file"] = proxies.Certificate.ExportCertificatePem(),
                ["requestheader-allowed-names"] = """["front-proxy-client"]""",
                ["requestheader-username-headers"] = """["X-Remote-User"]""",
                ["requestheader-group-headers"] = """["X-Remote-Group"]""",
                ["requestheader-extra-headers-prefix"] = """["X-Remote-Extra-"]""",
            },
        });

    private static Task<int> GetAsync(RunningServer server, X509Certificate2? certificate, params (string Name, string Value)[] headers) =>
        GetAsync(server, certificate, Models, headers);

    // Each request on a connection of its own, with the certificate given whatever the server offers.
    private static async Task<int> GetAsync(RunningServer server, X509Certificate2? certificate, string path, params (string Name, string Value)[] headers)
    {
        using var handler = new SocketsHttpHandler();
        handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        handler.SslOptions.CertificateChainPolicy.CustomTrustStore.ImportFromPemFile(Path.Combine(RunningServer.AuthorityFolder, "ca.crt"));
        if (certificate is not null)
        {
            handler.SslOptions.ClientCertificates = [certificate];
            handler.SslOptions.LocalCertificateSelectionCallback = (_, _, _, _, _) => certificate;
        }

        using var client = new HttpClient(handler) { BaseAddress = new Uri(server.Url) };
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        foreach ((string name, string value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        using HttpResponseMessage response = await client.SendAsync(request);
        return (int)response.StatusCode;
    }

    private Task<(System.Net.HttpStatusCode Code, JsonObject Body)> CreateAsync(RunningServer server, string ns, string name = "m") => server.SendAsync(
        HttpMethod.Post, $"/apis/ai.deckhouse.io/v1alpha1/namespaces/{ns}/models", RunningServer.Model(name, """{"upload":{}}"""), Cancelled);
}
