using System.Collections.Concurrent;
using AiModels.ModelPack;
using AiModels.ModelPack.Client;
using AiModels.ModelPack.Format;
using AiModels.ModelPack.Oci;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AiModels.NodeAgent.Tests;

/// <summary>The part of an OCI registry that materializing needs, in memory on a unix socket, with faults on request.</summary>
internal sealed class FakeRegistry : IAsyncDisposable
{
    public const string Repository = "models/7d1c";

    private readonly ConcurrentDictionary<string, byte[]> _blobs = new();
    private readonly ConcurrentDictionary<string, byte[]> _manifests = new();
    private readonly ConcurrentDictionary<string, byte[]> _lost = new();
    private readonly WebApplication _app;
    private readonly string _folder;

    private FakeRegistry(WebApplication app, string folder)
    {
        _app = app;
        _folder = folder;
        Client = new RegistryClient(new RegistryClientOptions { Address = Address, MaxRetries = 1, FirstRetryDelay = TimeSpan.FromMilliseconds(1) });
    }

    public string Address => $"unix://{_folder}/registry.sock";

    public RegistryClient Client { get; }

    /// <summary>Digests of the blobs that were fetched, in order.</summary>
    public ConcurrentQueue<string> Fetched { get; } = new();

    /// <summary>Paths that were asked for to learn of lost content, in order.</summary>
    public ConcurrentQueue<string> Asked { get; } = new();

    /// <summary>Digests of lost blobs that somebody wanted to give back, in order.</summary>
    public ConcurrentQueue<string> GivenBack { get; } = new();

    /// <summary>Called before a blob is sent; may wait, or return other bytes, or null for HTTP 500.</summary>
    public Func<string, byte[], Task<byte[]?>> OnBlob { get; set; } = (_, bytes) => Task.FromResult<byte[]?>(bytes);

    public static async Task<FakeRegistry> StartAsync()
    {
        string folder = Directory.CreateTempSubdirectory("registry-").FullName;
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.ListenUnixSocket($"{folder}/registry.sock");
        });
        WebApplication app = builder.Build();
        var registry = new FakeRegistry(app, folder);
        registry.Map();
        await app.StartAsync();
        return registry;
    }

    /// <summary>Packs files with the real writer; the artifact's digest.</summary>
    public async Task<Digest> PackAsync(params (string Path, byte[] Content)[] files)
    {
        var writer = new ModelPackWriter(Client, Repository);
        var entries = new List<FileEntry>();
        foreach ((string path, byte[] content) in files)
        {
            // Small chunks, so that small tests have many of them.
            entries.Add(await writer.WriteFileAsync(path, new MemoryStream(content), new() { ChunkSize = 2 * 1024 * 1024 }, CancellationToken.None));
        }

        Digest digest = (await writer.PublishAsync(entries, new ModelDescription(), WellKnownTags.Model, CancellationToken.None)).Digest;
        Fetched.Clear();
        return digest;
    }

    /// <summary>A blob has rotted.</summary>
    public void Lose(Digest digest) => _lost[digest.ToString()] = _blobs.TryRemove(digest.ToString(), out byte[]? content) ? content : throw new KeyNotFoundException($"{digest}");

    public bool Has(Digest digest) => _blobs.ContainsKey(digest.ToString());

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private void Map()
    {
        string blobs = $"/v2/{Repository}/blobs/";
        string manifests = $"/v2/{Repository}/manifests/";
        _app.MapMethods(blobs + "{digest}", ["HEAD"], (string digest, HttpContext http) =>
        {
            http.Response.StatusCode = _blobs.TryGetValue(digest, out byte[]? content) ? 200 : 404;
            http.Response.ContentLength = content?.Length;
        });
        _app.MapGet(blobs + "{digest}", async (string digest, HttpContext http) =>
        {
            if (!_blobs.TryGetValue(digest, out byte[]? content))
            {
                http.Response.StatusCode = 404;
                return;
            }

            Fetched.Enqueue(digest);
            byte[]? sent = await OnBlob(digest, content);
            http.Response.StatusCode = sent is null ? 500 : 200;
            await http.Response.Body.WriteAsync(sent ?? []);
        });
        _app.MapPost(blobs + "uploads/", async (string digest, HttpContext http) =>
        {
            using var content = new MemoryStream();
            await http.Request.Body.CopyToAsync(content);
            _blobs[digest] = content.ToArray();
            http.Response.StatusCode = 201;
        });
        _app.MapPut(manifests + "{reference}", async (string reference, HttpContext http) =>
        {
            using var content = new MemoryStream();
            await http.Request.Body.CopyToAsync(content);
            string digest = Digest.Sha256Of(content.ToArray()).ToString();
            _manifests[reference] = _manifests[digest] = content.ToArray();
            http.Response.StatusCode = 201;
            http.Response.Headers["Docker-Content-Digest"] = digest;
        });
        const string Lost = "/integrity/repositories/" + Repository;
        _app.MapGet("/integrity", (HttpContext http) =>
        {
            Asked.Enqueue(http.Request.Path);
            return Results.Json(new { missing = _lost.Count });
        });
        _app.MapGet(Lost, (HttpContext http) =>
        {
            Asked.Enqueue(http.Request.Path);
            return Results.Json(new { repository = Repository, lost = _lost.Select(blob => new { digest = blob.Key, bytes = blob.Value.Length, since = DateTimeOffset.UnixEpoch }) });
        });
        _app.MapPut(Lost, async (string digest, HttpContext http) =>
        {
            GivenBack.Enqueue(digest);
            using var content = new MemoryStream();
            await http.Request.Body.CopyToAsync(content);
            bool isRight = Digest.Sha256Of(content.ToArray()).ToString() == digest && _lost.TryRemove(digest, out _);
            _blobs[digest] = content.ToArray();
            http.Response.StatusCode = isRight ? 201 : 400;
        });
        _app.MapGet(manifests + "{reference}", (string reference) => _manifests.TryGetValue(reference, out byte[]? content)
            ? Results.Bytes(content, MediaTypes.OciManifest)
            : Results.NotFound());
    }
}
