using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace AiModels.TestKit.FakeOllama;

/// <summary>
/// Ollama's registry and its store on two hosts with TLS, as the real ones show themselves: manifests as text/plain, blobs by 307 to signed URLs of
/// another host, no <c>/v2/</c>, no list of tags.
/// </summary>
public sealed class FakeOllamaRegistry : IAsyncDisposable
{
    public const string ModelLayer = "application/vnd.ollama.image.model";

    private readonly ConcurrentDictionary<string, byte[]> _blobs = [];
    private readonly ConcurrentDictionary<string, byte[]> _manifests = [];
    private LoopbackServer _server = null!;

    private FakeOllamaRegistry()
    {
    }

    /// <summary>Base address of the registry.</summary>
    public Uri Endpoint => _server.Address;

    /// <summary>Where blobs come from, with its faults; paths are digests.</summary>
    public FakeCdn Cdn { get; private set; } = null!;

    /// <summary>Decides about each request to the registry, by its path: null to serve it, or how to refuse.</summary>
    public Func<string, OllamaRefusal?>? Refuse { get; set; }

    /// <summary>Requests to the registry, as "GET /path".</summary>
    public ConcurrentQueue<string> Requests { get; } = [];

    /// <summary>What the Accept header of manifest requests was.</summary>
    public ConcurrentQueue<string> Accepted { get; } = [];

    /// <summary>Set when credentials came, which there are none of.</summary>
    public bool HasSeenCredentials { get; private set; }

    public static async Task<FakeOllamaRegistry> StartAsync()
    {
        var registry = new FakeOllamaRegistry();
        registry.Cdn = await FakeCdn.StartAsync((_, digest) => registry._blobs.TryGetValue(digest, out byte[]? blob) ? FakeContent.Of(blob) : null);
        registry._server = await LoopbackServer.StartAsync(registry.AnswerAsync);
        return registry;
    }

    /// <summary>A manifest as Ollama writes it.</summary>
    public static string Manifest(string config, int configSize, params (string Type, string Digest, long Size)[] layers) =>
        """{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":"""
        + $$"""{"mediaType":"application/vnd.docker.container.image.v1+json","digest":"{{config}}","size":{{configSize}}},"layers":["""
        + string.Join(',', layers.Select(layer => $$"""{"mediaType":"{{layer.Type}}","digest":"{{layer.Digest}}","size":{{layer.Size}}}""")) + "]}";

    /// <summary>The digest of bytes, as OCI writes it.</summary>
    public static string DigestOf(byte[] content) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(content));

    /// <summary>Stores a blob under its digest, or under another that it should not have.</summary>
    public string AddBlob(byte[] content, string? digest = null)
    {
        digest ??= DigestOf(content);
        _blobs[digest] = content;
        return digest;
    }

    /// <summary>Lets a name of the library, "name:tag" or "name:sha256:…", stand for a manifest. Returns the manifest's digest.</summary>
    public string SetManifest(string name, string manifest)
    {
        byte[] content = Encoding.UTF8.GetBytes(manifest);
        _manifests[name] = content;
        return DigestOf(content);
    }

    /// <summary>A whole model of one GGUF layer among the usual others. Returns the manifest's digest.</summary>
    public string Publish(string name, byte[] gguf, string config = """{"model_format":"gguf","model_family":"llama","architecture":"amd64","os":"linux"}""")
    {
        byte[] configBytes = Encoding.UTF8.GetBytes(config);
        byte[] license = "MIT"u8.ToArray();
        return SetManifest(name, Manifest(
            AddBlob(configBytes), configBytes.Length, (ModelLayer, AddBlob(gguf), gguf.Length), ("application/vnd.ollama.image.license", AddBlob(license), license.Length)));
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await Cdn.DisposeAsync();
    }

    private Task AnswerAsync(HttpContext http)
    {
        string path = http.Request.Path.Value!;
        Requests.Enqueue($"{http.Request.Method} {path}");
        HasSeenCredentials |= http.Request.Headers.Authorization.Count > 0;
        if (Refuse?.Invoke(path) is { } refusal)
        {
            http.Response.Headers.WWWAuthenticate = refusal.Challenge;
            http.Response.Headers.RetryAfter = refusal.RetryAfter;
            return FailAsync(http, refusal.Status, "DENIED", "refused");
        }

        return path.Split('/') switch
        {
            ["", "v2", "library", var name, "manifests", var tag] => ManifestAsync(http, $"{name}:{tag}"),
            ["", "v2", "library", _, "blobs", var digest] => BlobAsync(http, digest),
            _ => FailAsync(http, 404, "NOT_FOUND", "page not found"),
        };
    }

    private Task ManifestAsync(HttpContext http, string name)
    {
        Accepted.Enqueue(http.Request.Headers.Accept.ToString());
        if (!_manifests.TryGetValue(name, out byte[]? manifest))
        {
            return FailAsync(http, 404, "MANIFEST_UNKNOWN", "manifest unknown");
        }

        http.Response.ContentType = "text/plain; charset=utf-8";
        return http.Response.Body.WriteAsync(manifest).AsTask();
    }

    private Task BlobAsync(HttpContext http, string digest)
    {
        if (!_blobs.ContainsKey(digest))
        {
            return FailAsync(http, 404, "BLOB_UNKNOWN", "blob unknown to registry");
        }

        http.Response.StatusCode = 307;
        http.Response.Headers.Location = Cdn.Sign("", digest).ToString();
        return Task.CompletedTask;
    }

    private static Task FailAsync(HttpContext http, int status, string code, string message)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/json";
        var error = new JsonObject { ["code"] = code, ["message"] = message };
        return http.Response.WriteAsync(new JsonObject { ["errors"] = new JsonArray(error) }.ToJsonString());
    }
}

/// <summary>How the registry refuses a request.</summary>
/// <param name="Challenge">WWW-Authenticate.</param>
/// <param name="RetryAfter">Seconds.</param>
public sealed record OllamaRefusal(int Status, string? Challenge = null, string? RetryAfter = null);
