using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Http;
using AiModels.Hosting;
using AiModels.Hosting.Certificates;
using AiModels.ModelPack.Client;
using AiModels.ModelPack.Grants;
using AiModels.Registry;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace AiModels.ApiServer.Tests.ApiServer;

/// <summary>The real ApiServer and the real registry in this process, on free ports of loopback, with their data in a temporary folder.</summary>
internal sealed class RunningServer : IAsyncDisposable
{
    public const string AdminToken = "admin-token";
    public const string ReaderToken = "reader-token";
    /// <summary>Where a child process finds the certificate authority that the tests trust.</summary>
    public const string AuthorityVariable = "TEST_AUTHORITY";

    public static readonly string AuthorityFolder =
        Environment.GetEnvironmentVariable(AuthorityVariable) ?? Directory.CreateTempSubdirectory("apiserver-ca-").FullName;

    private static readonly CertificateAuthority Authority = CertificateAuthority.LoadOrCreate(AuthorityFolder, "ca", TimeProvider.System);
    private readonly DirectoryInfo? _ownFolder;
    private readonly WebApplication _registry;
    private readonly WebApplication _api;
    private readonly string _grantKey;

    private RunningServer(DirectoryInfo? ownFolder, WebApplication registry, WebApplication api, string url, string registryUrl, string grantKey)
    {
        (_ownFolder, _registry, _api, _grantKey) = (ownFolder, registry, api, grantKey);
        Url = url;
        RegistryUrl = registryUrl;
        Admin = Client(AdminToken);
    }

    public string Url { get; }

    public string RegistryUrl { get; }

    /// <summary>A client of system:masters.</summary>
    public HttpClient Admin { get; }

    public IServiceProvider Services => _api.Services;

    /// <summary>Path of a model's subresource, or of the model.</summary>
    public static string ModelPath(string name, string subresource = "") =>
        $"/apis/ai.deckhouse.io/v1alpha1/namespaces/team-a/models/{name}" + (subresource.Length > 0 ? "/" + subresource : "");

    /// <summary>Starts both; <paramref name="configure"/> may register replacements before anything else does.</summary>
    public static async Task<RunningServer> StartAsync(
        string? folder = null, int port = 0, int registryPort = 0, Action<IServiceCollection>? configure = null, Action<ApiServerOptions>? options = null,
        long? capacityLimit = null)
    {
        DirectoryInfo? own = folder is null ? Directory.CreateTempSubdirectory("apiserver-") : null;
        string root = folder ?? own!.FullName;
        string registryUrl = $"http://127.0.0.1:{(registryPort > 0 ? registryPort : FreePort())}";
        var settings = new ApiServerOptions
        {
            BindAddress = "127.0.0.1",
            SecurePort = port > 0 ? port : FreePort(),
            DataDir = Path.Combine(root, "data"),
            Registry = registryUrl,
            GrantKeys = Path.Combine(root, "keys"),
            TokenAuthFile = Path.Combine(root, "tokens"),
        };
        (settings.TlsCertFile, settings.TlsPrivateKeyFile) = Authority.LoadOrIssue(
            root, "serving", new CertificateRequestOptions("localhost") { Hosts = ["localhost", "127.0.0.1"], ForServer = true });
        options?.Invoke(settings);
        await File.WriteAllTextAsync(settings.TokenAuthFile, $"{AdminToken},admin,1,\"{UserInfo.MastersGroup}\"\n{ReaderToken},reader,2\n");

        WebApplicationBuilder registryBuilder = ComponentHosting.CreateBuilder("registry");
        configure?.Invoke(registryBuilder.Services);
        registryBuilder.AddRegistry(new RegistryOptions
        {
            Listen = [registryUrl],
            Storage = "folder:" + Path.Combine(root, "registry"),
            GrantKeys = settings.GrantKeys,
            CapacityLimit = capacityLimit,
        });
        WebApplication registry = registryBuilder.Build();
        registry.MapRegistry();

        WebApplicationBuilder builder = ComponentHosting.CreateBuilder("apiserver");
        configure?.Invoke(builder.Services);
        builder.AddAiModelsApi(settings);
        WebApplication api = builder.Build();
        api.MapAiModelsApi();
        await registry.StartAsync();
        await api.StartAsync();
        return new RunningServer(own, registry, api, $"https://127.0.0.1:{settings.SecurePort}", registryUrl, Path.Combine(settings.DataDir, "grant.key"));
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public HttpClient Client(string token) => Client(Url, token);

    public static HttpClient Client(string url, string token)
    {
        var trust = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        trust.CustomTrustStore.Add(Authority.Certificate);
        var handler = new SocketsHttpHandler { SslOptions = { CertificateChainPolicy = trust }, Expect100ContinueTimeout = TimeSpan.FromSeconds(10) };
        return new HttpClient(handler)
        {
            BaseAddress = new Uri(url),
            DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", token) },
            Timeout = TimeSpan.FromSeconds(100),
        };
    }

    /// <summary>A client of the registry with all rights on one repository.</summary>
    public RegistryClient Registry(string repository) => new(new RegistryClientOptions { Address = RegistryUrl, Grants = new StaticGrantSource(Grant(repository)) });

    /// <summary>A grant with all rights on one repository.</summary>
    public string Grant(string repository)
    {
        using GrantSigner signer = GrantSigner.Open(_grantKey, Services.GetRequiredService<TimeProvider>());
        return signer.Sign("test", [new GrantAccess(repository, GrantActions.All)], TimeSpan.FromHours(1), out _);
    }

    public async Task<(HttpStatusCode Code, JsonObject Body)> SendAsync(HttpMethod method, string path, string? json, CancellationToken cancellationToken) =>
        await SendAsync(Admin, method, path, json, cancellationToken);

    public static async Task<(HttpStatusCode Code, JsonObject Body)> SendAsync(
        HttpClient client, HttpMethod method, string path, string? json, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, path);
        if (json is not null)
        {
            request.Content = new StringContent(json, Encoding.UTF8, "application/json");
        }

        using HttpResponseMessage response = await client.SendAsync(request, cancellationToken);
        string body = await response.Content.ReadAsStringAsync(cancellationToken);
        return (response.StatusCode, body.Length == 0 ? [] : JsonNode.Parse(body)!.AsObject());
    }

    /// <summary>Makes a model with this source (JSON).</summary>
    public async Task<JsonObject> CreateModelAsync(string name, string source, CancellationToken cancellationToken)
    {
        (HttpStatusCode code, JsonObject body) = await SendAsync(
            HttpMethod.Post, "/apis/ai.deckhouse.io/v1alpha1/namespaces/team-a/models", Model(name, source), cancellationToken);
        Assert.AreEqual(HttpStatusCode.Created, code, body.ToJsonString());
        return body;
    }

    public static string Model(string name, string source, string kind = "Model") =>
        $$$"""{"apiVersion":"ai.deckhouse.io/v1alpha1","kind":"{{{kind}}}","metadata":{"name":"{{{name}}}"},"spec":{"source":{{{source}}}}}""";

    /// <summary>Opens an upload session. Answers its token.</summary>
    public async Task<string> OpenSessionAsync(string name, CancellationToken cancellationToken, string? spec = null)
    {
        (HttpStatusCode code, JsonObject session) = await SendAsync(HttpMethod.Post, ModelPath(name, "upload"), spec, cancellationToken);
        Assert.AreEqual(HttpStatusCode.Created, code, session.ToJsonString());
        return (string)session["status"]!["token"]!;
    }

    public async ValueTask DisposeAsync()
    {
        Admin.Dispose();
        await _api.StopAsync();
        await _api.DisposeAsync();
        await _registry.StopAsync();
        await _registry.DisposeAsync();
        _ownFolder?.Delete(recursive: true);
    }
}
