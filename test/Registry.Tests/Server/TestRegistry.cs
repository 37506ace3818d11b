using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using AiModels.Hosting;
using AiModels.ModelPack.Grants;
using AiModels.ModelPack.Oci;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AiModels.Registry.Tests.Server;

/// <summary>The real registry on a free port of loopback, in this process, with a folder of its own that survives <see cref="RestartAsync"/>.</summary>
internal sealed class TestRegistry : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Action<RegistryOptions>? _configure;
    private readonly GrantSigner _signer;
    private WebApplication _app = null!;

    private TestRegistry(Action<RegistryOptions>? configure)
    {
        _configure = configure;
        _signer = GrantSigner.Open(_folder.Combine("grant.pem"), Clock);
        _signer.PublishKey(_folder.Combine("keys"));
    }

    public ShiftedClock Clock { get; } = new();

    /// <summary>Speaks HTTP to it.</summary>
    public HttpClient Http { get; private set; } = null!;

    public string Address { get; private set; } = "";

    public string StorageFolder => _folder.Combine("store");

    public IServiceProvider Services => _app.Services;

    public static async Task<TestRegistry> StartAsync(Action<RegistryOptions>? configure = null)
    {
        var registry = new TestRegistry(configure);
        await registry.OpenAsync();
        return registry;
    }

    /// <summary>Stops and starts it on the same folder.</summary>
    public async Task RestartAsync()
    {
        await CloseAsync();
        await OpenAsync();
    }

    /// <summary>A grant for one repository.</summary>
    public string Grant(string repository, params string[] actions) => Grant(TimeSpan.FromHours(1), "job/test/one", (repository, actions));

    public string Grant(TimeSpan life, string subject, params (string Repository, string[] Actions)[] access) =>
        _signer.Sign(subject, [.. access.Select(item => new GrantAccess(item.Repository, item.Actions))], life, out _);

    public async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, HttpContent? content = null, string? grant = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        if (grant is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", grant);
        }

        foreach ((string name, string value) in headers)
        {
            if (!request.Headers.TryAddWithoutValidation(name, value))
            {
                content!.Headers.TryAddWithoutValidation(name, value);
            }
        }

        return await Http.SendAsync(request);
    }

    public Task<HttpResponseMessage> GetAsync(string path, string? grant = null, params (string Name, string Value)[] headers) => SendAsync(HttpMethod.Get, path, null, grant, headers);

    /// <summary>Pushes a blob in one request.</summary>
    public async Task<Digest> PushBlobAsync(string repository, byte[] content, string? grant = null)
    {
        Digest digest = Digest.Sha256Of(content);
        using HttpResponseMessage response = await SendAsync(HttpMethod.Post, $"/v2/{repository}/blobs/uploads/?digest={digest}", new ByteArrayContent(content), grant);
        Assert.AreEqual(HttpStatusCode.Created, response.StatusCode, await response.Content.ReadAsStringAsync());
        return digest;
    }

    /// <summary>Pushes config and layers, then a manifest that names them.</summary>
    public async Task<Digest> PushImageAsync(string repository, string reference, params byte[][] layers)
    {
        await PushBlobAsync(repository, "{}"u8.ToArray());
        foreach (byte[] layer in layers)
        {
            await PushBlobAsync(repository, layer);
        }

        byte[] manifest = Image(layers);
        using HttpResponseMessage response = await PutManifestAsync(repository, reference, manifest);
        Assert.AreEqual(HttpStatusCode.Created, response.StatusCode, await response.Content.ReadAsStringAsync());
        return Digest.Sha256Of(manifest);
    }

    public Task<HttpResponseMessage> PutManifestAsync(string repository, string reference, byte[] manifest, string mediaType = MediaTypes.OciManifest, string? grant = null)
    {
        var content = new ByteArrayContent(manifest);
        content.Headers.ContentType = new MediaTypeHeaderValue(mediaType);
        return SendAsync(HttpMethod.Put, $"/v2/{repository}/manifests/{reference}", content, grant);
    }

    /// <summary>An image manifest over an empty config and these layers.</summary>
    public static byte[] Image(params byte[][] layers) => Image(null, layers);

    public static byte[] Image(Action<JsonObject>? change, params byte[][] layers)
    {
        var manifest = new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciManifest,
            ["config"] = Descriptor(MediaTypes.OciEmpty, "{}"u8.ToArray()),
            ["layers"] = new JsonArray([.. layers.Select(layer => Descriptor(MediaTypes.OctetStream, layer))]),
        };
        change?.Invoke(manifest);
        return Encoding.UTF8.GetBytes(manifest.ToJsonString());
    }

    public static JsonObject Descriptor(string mediaType, byte[] content) => new() { ["mediaType"] = mediaType, ["digest"] = Digest.Sha256Of(content).ToString(), ["size"] = content.Length };

    public static byte[] RandomBytes(int length)
    {
        byte[] content = new byte[length];
        RandomNumberGenerator.Fill(content);
        return content;
    }

    /// <summary>The code of an error answer.</summary>
    public static async Task<string> CodeOfAsync(HttpResponseMessage response) =>
        JsonNode.Parse(await response.Content.ReadAsStringAsync())!["errors"]![0]!["code"]!.GetValue<string>();

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        _signer.Dispose();
        _folder.Dispose();
    }

    private async Task OpenAsync()
    {
        var options = new RegistryOptions { Listen = ["http://127.0.0.1:0"], Storage = "folder:" + StorageFolder, Anonymous = true, GrantKeys = _folder.Combine("keys"), GcInterval = TimeSpan.FromDays(1), ScrubRate = 0 };
        _configure?.Invoke(options);
        WebApplicationBuilder builder = ComponentHosting.CreateBuilder("registry");
        builder.Logging.SetMinimumLevel(LogLevel.Error);
        builder.Services.AddSingleton<TimeProvider>(Clock);
        builder.AddRegistry(options);
        _app = builder.Build();
        _app.MapComponentEndpoints();
        _app.MapRegistry();
        await _app.StartAsync();
        Address = _app.Urls.First(url => url.StartsWith("http", StringComparison.Ordinal));

        // With TLS: the certificate that it made for itself.
        var tls = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null };
        Http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, SslOptions = tls }) { BaseAddress = new Uri(Address), Timeout = TimeSpan.FromSeconds(60) };
    }

    private async Task CloseAsync()
    {
        Http.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
    }
}
