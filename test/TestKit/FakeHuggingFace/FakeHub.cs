using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace AiModels.TestKit.FakeHuggingFace;

/// <summary>
/// Hugging Face and its CDN on two ports of loopback: revisions, tree listings with pages, the three shapes of resolve, ranges, errors and faults
/// as the real hub shows them. One repository.
/// </summary>
public sealed class FakeHub : IAsyncDisposable
{
    public const string Repository = "owner/model";
    public const string Commit = "0123456789abcdef0123456789abcdef01234567";

    private readonly Dictionary<string, byte[]> _files = [];
    private int _rateLimited;
    private LoopbackServer _hub = null!;

    private FakeHub()
    {
    }

    /// <summary>Base address of the hub.</summary>
    public Uri Endpoint { get; private set; } = null!;

    /// <summary>Branches and tags, each at <see cref="Commit"/>.</summary>
    public HashSet<string> Revisions { get; } = ["main", Commit];

    /// <summary>The token that opens the repository; null for a public one.</summary>
    public string? Token { get; set; }

    /// <summary>Files above this size are in LFS and come from the CDN.</summary>
    public int LfsAbove { get; set; } = 1000;

    /// <summary>Entries a page of the listing.</summary>
    public int PageSize { get; set; } = 1000;

    /// <summary>Where large files come from, with its faults.</summary>
    public FakeCdn Cdn { get; private set; } = null!;

    /// <summary>Requests to the hub, as "GET /path".</summary>
    public ConcurrentQueue<string> Requests { get; } = [];

    /// <summary>How many requests to answer with 429 before anything else.</summary>
    public int RateLimited
    {
        get => _rateLimited;
        set => _rateLimited = value;
    }

    public static async Task<FakeHub> StartAsync(params (string Path, byte[] Content)[] files)
    {
        var hub = new FakeHub();
        foreach ((string path, byte[] content) in files)
        {
            hub._files[path] = content;
        }

        hub.Cdn = await FakeCdn.StartAsync(path => hub._files[path]);
        hub._hub = await LoopbackServer.StartAsync(hub.AnswerHubAsync);
        hub.Endpoint = hub._hub.Address;
        return hub;
    }

    public async ValueTask DisposeAsync()
    {
        await _hub.DisposeAsync();
        await Cdn.DisposeAsync();
    }

    private Task AnswerHubAsync(HttpContext http)
    {
        // Kestrel decodes %2F nowhere in a path, so refs%2Fpr%2F1 stays one segment.
        string path = http.Request.Path.Value!;
        Requests.Enqueue($"{http.Request.Method} {path}");
        if (Interlocked.Decrement(ref _rateLimited) >= 0)
        {
            http.Response.Headers["RateLimit"] = "\"api\";r=0;t=0";
            return FailAsync(http, HttpStatusCode.TooManyRequests, null, "Too many requests");
        }

        if (Token is not null && http.Request.Headers.Authorization != $"Bearer {Token}")
        {
            return FailAsync(http, HttpStatusCode.Unauthorized, null, "Invalid username or password.");
        }

        string revisions = $"/api/models/{Repository}/revision/";
        string trees = $"/api/models/{Repository}/tree/";
        string resolve = $"/{Repository}/resolve/{Commit}/";
        if (path.StartsWith(revisions, StringComparison.Ordinal))
        {
            return Revisions.Contains(Uri.UnescapeDataString(path[revisions.Length..]))
                ? JsonAsync(http, new JsonObject { ["id"] = Repository, ["sha"] = Commit })
                : FailAsync(http, HttpStatusCode.NotFound, "RevisionNotFound", "Invalid rev id");
        }

        if (path == trees + Commit)
        {
            return ListAsync(http);
        }

        if (path.StartsWith(resolve, StringComparison.Ordinal))
        {
            return ResolveAsync(http, path[resolve.Length..]);
        }

        return path.StartsWith("/api/resolve-cache/", StringComparison.Ordinal)
            ? Cdn.SendAsync(http, _files[Uri.UnescapeDataString(http.Request.Query["file"]!)], null)
            : FailAsync(http, HttpStatusCode.NotFound, "RepoNotFound", "Repository not found");
    }

    private Task ListAsync(HttpContext http)
    {
        int start = int.TryParse(http.Request.Query["cursor"], out int cursor) ? cursor : 0;
        var entries = new JsonArray();
        foreach ((string path, byte[] content) in _files.Skip(start).Take(PageSize))
        {
            var entry = new JsonObject { ["type"] = "file", ["path"] = path, ["size"] = content.Length, ["oid"] = BlobId(content) };
            if (IsLfs(content))
            {
                string sha256 = Convert.ToHexStringLower(SHA256.HashData(content));
                string pointer = $"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {content.Length}\n";
                entry["oid"] = BlobId(Encoding.UTF8.GetBytes(pointer));
                entry["lfs"] = new JsonObject { ["oid"] = sha256, ["size"] = content.Length, ["pointerSize"] = pointer.Length };
            }

            entries.Add(entry);
        }

        entries.Add(new JsonObject { ["type"] = "directory", ["path"] = "folder", ["size"] = 0, ["oid"] = new string('0', 40) });
        if (start + PageSize < _files.Count)
        {
            // Absolute and naming the original hub, as it is behind a mirror.
            http.Response.Headers.Link = $"<https://huggingface.co{http.Request.Path}?recursive=true&expand=false&cursor={start + PageSize}>; rel=\"next\"";
        }

        return JsonAsync(http, entries);
    }

    private Task ResolveAsync(HttpContext http, string path)
    {
        if (!_files.TryGetValue(path, out byte[]? content))
        {
            http.Response.Headers["X-Repo-Commit"] = Commit;
            return FailAsync(http, HttpStatusCode.NotFound, "EntryNotFound", "Entry not found");
        }

        http.Response.Headers["X-Repo-Commit"] = Commit;
        if (IsLfs(content))
        {
            http.Response.StatusCode = 302;
            http.Response.Headers.Location = Cdn.Sign(path).ToString();
            http.Response.Headers["X-Linked-Size"] = content.Length.ToString(CultureInfo.InvariantCulture);
            return http.Response.WriteAsync("Found. Redirecting");
        }

        // Small files of public repositories come by a relative redirect whose query must be kept.
        http.Response.StatusCode = 307;
        http.Response.Headers.Location = $"/api/resolve-cache/models/{Repository}/{Commit}?file={Uri.EscapeDataString(path)}";
        return Task.CompletedTask;
    }

    private bool IsLfs(byte[] content) => content.Length > LfsAbove;

    private static string BlobId(byte[] content)
    {
        byte[] whole = [.. Encoding.ASCII.GetBytes($"blob {content.Length}\0"), .. content];
#pragma warning disable CA5350 // Git's own.
        return Convert.ToHexStringLower(SHA1.HashData(whole));
#pragma warning restore CA5350
    }

    private static Task JsonAsync(HttpContext http, JsonNode body)
    {
        http.Response.ContentType = "application/json";
        return http.Response.WriteAsync(body.ToJsonString());
    }

    private static Task FailAsync(HttpContext http, HttpStatusCode status, string? code, string message)
    {
        http.Response.StatusCode = (int)status;
        if (code is not null)
        {
            http.Response.Headers["X-Error-Code"] = code;
            http.Response.Headers["X-Error-Message"] = message;
        }

        return http.Response.WriteAsync(message);
    }
}
