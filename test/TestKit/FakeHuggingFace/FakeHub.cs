using System.Collections.Concurrent;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace AiModels.TestKit.FakeHuggingFace;

/// <summary>
/// Hugging Face and its CDN on two hosts with TLS: revisions, tree listings with pages, the three shapes of resolve, tokens, gates, renamed repositories, rate
/// limits and errors as recorded from the real hub.
/// </summary>
public sealed class FakeHub : IAsyncDisposable
{
    /// <summary>The repository of <see cref="StartAsync"/>.</summary>
    public const string Repository = "owner/model";

    private readonly ConcurrentDictionary<string, FakeRepository> _repositories = [];
    private int _rateLimited;
    private LoopbackServer _server = null!;

    private FakeHub()
    {
    }

    /// <summary>Base address of the hub.</summary>
    public Uri Endpoint => _server.Address;

    /// <summary>Where large files come from, with its faults.</summary>
    public FakeCdn Cdn { get; private set; } = null!;

    /// <summary>The repository it was started with.</summary>
    public FakeRepository Model => _repositories[Repository];

    /// <summary>Files above this size are in LFS and come from the CDN.</summary>
    public int LfsAbove { get; set; } = 1000;

    /// <summary>Entries a page of the listing.</summary>
    public int PageSize { get; set; } = 1000;

    /// <summary>Tokens of accounts that may read nothing private.</summary>
    public HashSet<string> Strangers { get; } = [];

    /// <summary>For listings and metadata.</summary>
    public FakeRateLimit Api { get; } = new("api", 100_000);

    /// <summary>For questions where a file is.</summary>
    public FakeRateLimit Resolvers { get; } = new("resolvers", 100_000);

    /// <summary>Answers a request in the hub's place; null to let the hub answer. For hubs that are none, and for what lies on the way.</summary>
    public Func<HttpContext, Task?>? Instead { get; set; }

    /// <summary>Requests to the hub, as "GET /path".</summary>
    public ConcurrentQueue<string> Requests { get; } = [];

    /// <summary>Set when a file was asked for without saying that compressed bytes are not wanted.</summary>
    public bool HasIdentityBeenForgotten { get; private set; }

    /// <summary>How many requests to answer with 429 before anything else.</summary>
    public int RateLimited
    {
        get => _rateLimited;
        set => _rateLimited = value;
    }

    public static Task<FakeHub> StartAsync(params (string Path, byte[] Content)[] files) =>
        StartWithAsync([.. files.Select(file => (file.Path, FakeContent.Of(file.Content)))]);

    public static async Task<FakeHub> StartWithAsync(params (string Path, FakeContent Content)[] files)
    {
        var hub = new FakeHub();
        if (files.Length > 0)
        {
            hub.Add(Repository, files);
        }

        hub.Cdn = await FakeCdn.StartAsync((repository, path) => hub._repositories.GetValueOrDefault(repository)?.FindStored(path));
        hub._server = await LoopbackServer.StartAsync(hub.AnswerAsync);
        return hub;
    }

    /// <summary>A repository with these files on its branch main.</summary>
    public FakeRepository Add(string name, params (string Path, FakeContent Content)[] files)
    {
        var repository = new FakeRepository(name);
        repository.Commit("main", files);
        return _repositories[name] = repository;
    }

    /// <summary>A repository by its name of today.</summary>
    public FakeRepository? Find(string name) => _repositories.GetValueOrDefault(name);

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await Cdn.DisposeAsync();
    }

    private Task AnswerAsync(HttpContext http)
    {
        // Kestrel decodes %2F nowhere in a path, so refs%2Fpr%2F1 stays one segment.
        string path = http.Request.Path.Value!;
        Requests.Enqueue($"{http.Request.Method} {path}");
        if (Instead?.Invoke(http) is { } answered)
        {
            return answered;
        }

        http.Response.Headers["X-Request-Id"] = "Root=1-" + Requests.Count.ToString("x8", CultureInfo.InvariantCulture);
        http.Response.Headers.XPoweredBy = "huggingface-moon";
        FakeRateLimit limit = path.Contains("/resolve/", StringComparison.Ordinal) ? Resolvers : Api;
        bool isAllowed = limit.Take(http.Response);
        if (Interlocked.Decrement(ref _rateLimited) >= 0)
        {
            http.Response.Headers["RateLimit"] = "\"api\";r=0;t=0";
            isAllowed = false;
        }

        if (!isAllowed)
        {
            return HubErrors.RateLimited(http);
        }

        string[] parts = [.. path.Split('/', StringSplitOptions.RemoveEmptyEntries)];
        return parts switch
        {
            ["api", "whoami-v2"] => WhoAmIAsync(http),
            ["api", "agent-harnesses"] => JsonAsync(http, new JsonObject { ["harnesses"] = new JsonObject(), ["standardEnvVars"] = new JsonArray() }),
            ["api", "resolve-cache", "models", ..] => ResolveCacheAsync(http, parts[3..]),
            ["api", "models", ..] => OfRepository(http, parts[2..], ApiAsync),
            _ => OfRepository(http, parts, FileAsync),
        };
    }

    private Task WhoAmIAsync(HttpContext http) => KnowsAccount(TokenOf(http))
        ? JsonAsync(http, new JsonObject { ["type"] = "user", ["name"] = "tester", ["auth"] = new JsonObject { ["type"] = "access_token" } })
        : HubErrors.Unauthorized(http, api: true);

    /// <summary>Finds the repository, under its name or a former one, and asks whether it may be seen.</summary>
    private Task OfRepository(HttpContext http, string[] parts, Func<HttpContext, FakeRepository, string[], Task> answer)
    {
        bool api = answer == ApiAsync;
        string? token = TokenOf(http);
        if (token is not null && !token.StartsWith("hf_", StringComparison.Ordinal))
        {
            return HubErrors.Fail(http, 401, null, "Invalid credentials in Authorization header", api);
        }

        (string name, string[] rest) = Split(parts);
        if (_repositories.Values.FirstOrDefault(known => known.FormerNames.Contains(name)) is { } renamed)
        {
            http.Response.StatusCode = StatusCodes.Status307TemporaryRedirect;
            string prefix = api ? "/api/models/" : "/";
            http.Response.Headers.Location = $"{prefix}{renamed.Name}/{string.Join('/', rest)}{http.Request.QueryString}";
            return Task.CompletedTask;
        }

        FakeRepository? repository = _repositories.GetValueOrDefault(name);
        bool isHidden = repository is null || (repository.Token is { } wanted && !repository.IsGated && token != wanted);
        return isHidden
            ? KnowsAccount(token) ? HubErrors.Fail(http, 404, "RepoNotFound", "Repository not found", api) : HubErrors.Unauthorized(http, api)
            : repository!.IsDisabled ? HubErrors.Fail(http, 403, null, "Access to this resource is disabled.", api)
            : answer(http, repository, rest);
    }

    private Task ApiAsync(HttpContext http, FakeRepository repository, string[] rest) => rest switch
    {
        [] => RevisionAsync(http, repository, "main"),
        ["revision", var revision] => RevisionAsync(http, repository, Uri.UnescapeDataString(revision)),
        ["tree", var revision] => TreeAsync(http, repository, Uri.UnescapeDataString(revision)),
        ["refs"] => JsonAsync(http, Refs(repository)),
        ["auth-check"] => IsShut(http, repository) ? Gated(http, repository, api: true) : http.Response.WriteAsync("OK"),
        ["xet-read-token", _] => JsonAsync(http, new JsonObject { ["accessToken"] = "xet", ["casUrl"] = "https://cas-server.invalid", ["exp"] = 1790327065 }),
        _ => HubErrors.Fail(http, 404, null, "Sorry, we can't find the page you are looking for.", api: true),
    };

    private Task RevisionAsync(HttpContext http, FakeRepository repository, string revision)
    {
        if (repository.Find(revision) is not { } commit)
        {
            return HubErrors.Fail(http, 404, "RevisionNotFound", $"Invalid rev id: {revision}", api: true);
        }

        var siblings = new JsonArray();
        foreach (string path in repository.Files(commit).Keys)
        {
            siblings.Add(new JsonObject { ["rfilename"] = path });
        }

        return JsonAsync(http, new JsonObject
        {
            ["_id"] = "66f000000000000000000000",
            ["author"] = repository.Name.Split('/')[0],
            ["disabled"] = false,
            ["gated"] = repository.IsGated ? "auto" : false,
            ["id"] = repository.Name,
            ["modelId"] = repository.Name,
            ["private"] = repository.Token is not null && !repository.IsGated,
            ["sha"] = commit,
            ["siblings"] = siblings,
            ["tags"] = new JsonArray(),
        });
    }

    private Task TreeAsync(HttpContext http, FakeRepository repository, string revision)
    {
        if (repository.Find(revision) is not { } commit)
        {
            return HubErrors.Fail(http, 404, "RevisionNotFound", $"Invalid rev id: {revision}", api: true);
        }

        JsonObject[] all = [.. Entries(repository, commit, isMasked: IsShut(http, repository))];
        int start = int.TryParse(http.Request.Query["cursor"], out int cursor) ? cursor : 0;
        if (start + PageSize < all.Length)
        {
            // Absolute and naming the original hub, as it is behind a mirror.
            http.Response.Headers.Link = $"<https://huggingface.co{http.Request.Path}?recursive=true&expand=false&cursor={start + PageSize}>; rel=\"next\"";
        }

        return JsonAsync(http, new JsonArray([.. all.Skip(start).Take(PageSize)]));
    }

    private IEnumerable<JsonObject> Entries(FakeRepository repository, string commit, bool isMasked)
    {
        IReadOnlyDictionary<string, FakeContent> files = repository.Files(commit);
        foreach (string folder in files.Keys.Where(path => path.Contains('/', StringComparison.Ordinal)).Select(path => path[..path.LastIndexOf('/')]).Distinct())
        {
            yield return new JsonObject { ["oid"] = FakeContent.GitOidOf(Encoding.UTF8.GetBytes(folder)), ["path"] = folder, ["size"] = 0, ["type"] = "directory" };
        }

        foreach ((string path, FakeContent content) in files)
        {
            if (!IsLfs(content))
            {
                yield return new JsonObject { ["oid"] = content.GitOid, ["path"] = path, ["size"] = content.Length, ["type"] = "file" };
                continue;
            }

            string pointer = string.Create(CultureInfo.InvariantCulture, $"version https://git-lfs.github.com/spec/v1\noid sha256:{content.Sha256}\nsize {content.Length}\n");
            yield return new JsonObject
            {
                ["lfs"] = new JsonObject { ["oid"] = isMasked ? new string('*', 64) : content.Sha256, ["pointerSize"] = pointer.Length, ["size"] = content.Length },
                ["oid"] = FakeContent.GitOidOf(Encoding.UTF8.GetBytes(pointer)),
                ["path"] = path,
                ["size"] = content.Length,
                ["type"] = "file",
                ["xetHash"] = isMasked ? new string('*', 64) : XetHash(content),
            };
        }
    }

    private Task FileAsync(HttpContext http, FakeRepository repository, string[] rest)
    {
        if (rest is not ["resolve", var revision, _, ..] || repository.Find(Uri.UnescapeDataString(revision)) is not { } commit)
        {
            return HubErrors.Fail(http, 404, rest is ["resolve", ..] ? "RevisionNotFound" : null, "Invalid rev id", api: false);
        }

        if (IsShut(http, repository))
        {
            return Gated(http, repository, api: false);
        }

        string path = string.Join('/', rest[2..].Select(Uri.UnescapeDataString));
        http.Response.Headers["X-Repo-Commit"] = commit;
        return !repository.Files(commit).TryGetValue(path, out FakeContent? content) ? HubErrors.Fail(http, 404, "EntryNotFound", "Entry not found", api: false)
            : IsLfs(content) ? RedirectToCdn(http, repository, commit, path, content)
            : repository.Token is not null ? DirectAsync(http, content)
            : RedirectToCache(http, repository, commit, path, content);
    }

    /// <summary>Shape (a): a small file of a private repository.</summary>
    private Task DirectAsync(HttpContext http, FakeContent content)
    {
        bool isIdentity = http.Request.Headers.AcceptEncoding.ToString().Contains("identity", StringComparison.Ordinal);
        HasIdentityBeenForgotten |= !isIdentity;
        http.Response.Headers.ETag = $"\"{content.GitOid}\"";
        http.Response.ContentType = "text/plain; charset=utf-8";
        return isIdentity ? FakeCdn.SendAsync(http, content, hasRanges: true, fault: null) : CompressedAsync(http, content);
    }

    /// <summary>Shape (b): a small file of a public repository, by a relative redirect whose query must be kept.</summary>
    private static Task RedirectToCache(HttpContext http, FakeRepository repository, string commit, string path, FakeContent content)
    {
        http.Response.StatusCode = StatusCodes.Status307TemporaryRedirect;
        string cached = $"/{repository.Name}/resolve/{commit}/{path}";
        http.Response.Headers.Location = $"/api/resolve-cache/models/{repository.Name}/{commit}/{Uri.EscapeDataString(path)}?{Uri.EscapeDataString(cached)}=&etag={Uri.EscapeDataString($"\"{content.GitOid}\"")}";
        return Task.CompletedTask;
    }

    /// <summary>Shape (c): a file in LFS, by a redirect to a signed URL of another host. The redirect has a length of its own.</summary>
    private Task RedirectToCdn(HttpContext http, FakeRepository repository, string commit, string path, FakeContent content)
    {
        Uri signed = Cdn.Sign(repository.Name, $"{commit}/{path}");
        IHeaderDictionary headers = http.Response.Headers;
        http.Response.StatusCode = StatusCodes.Status302Found;
        headers.Location = signed.ToString();
        headers.CacheControl = "no-store";
        headers["X-Linked-Etag"] = $"\"{content.Sha256}\"";
        headers["X-Linked-Size"] = content.Length.ToString(CultureInfo.InvariantCulture);
        headers["X-Xet-Hash"] = XetHash(content);
        headers.Link = $"<https://huggingface.co/api/models/{repository.Name}/xet-read-token/{commit}>; rel=\"xet-auth\", "
            + $"<https://cas-server.invalid/v1/reconstructions/{XetHash(content)}>; rel=\"xet-reconstruction-info\"";
        http.Response.ContentType = "text/plain; charset=utf-8";
        return HttpMethods.IsHead(http.Request.Method) ? Task.CompletedTask : http.Response.WriteAsync($"Found. Redirecting to {signed}");
    }

    private Task ResolveCacheAsync(HttpContext http, string[] parts)
    {
        // The commit is the first part of 40 digits: names have one or two parts.
        int commit = Array.FindIndex(parts, part => part.Length == 40);
        FakeRepository? repository = commit < 0 ? null : _repositories.GetValueOrDefault(string.Join('/', parts[..commit]));
        if (repository is null || !http.Request.QueryString.HasValue)
        {
            return HubErrors.Fail(http, commit < 0 ? 400 : 404, null, "Bad request", api: false);
        }

        return repository.Find(parts[commit]) is { } found && repository.Files(found).TryGetValue(Uri.UnescapeDataString(string.Join('/', parts[(commit + 1)..])), out FakeContent? content)
            ? DirectAsync(http, content)
            : HubErrors.Fail(http, 404, "EntryNotFound", "Entry not found", api: false);
    }

    /// <summary>What a client gets that does not say identity: compressed, without a length, and ranges are ignored.</summary>
    private static async Task CompressedAsync(HttpContext http, FakeContent content)
    {
        byte[] bytes = new byte[content.Length];
        await content.ReadAsync(0, bytes, http.RequestAborted);
        http.Response.Headers.ContentEncoding = "gzip";
        await using var gzip = new GZipStream(http.Response.Body, CompressionLevel.Fastest);
        await gzip.WriteAsync(bytes, http.RequestAborted);
    }

    private static Task Gated(HttpContext http, FakeRepository repository, bool api) => HubErrors.Fail(
        http, TokenOf(http) is null ? 401 : 403, "GatedRepo",
        $"Access to model {repository.Name} is restricted. You must have access to it and be authenticated to access it. Please log in.", api);

    private static JsonObject Refs(FakeRepository repository)
    {
        var branches = new JsonArray();
        foreach ((string name, string commit) in repository.Revisions)
        {
            branches.Add(new JsonObject { ["name"] = name, ["ref"] = "refs/heads/" + name, ["targetCommit"] = commit });
        }

        return new JsonObject { ["branches"] = branches, ["converts"] = new JsonArray(), ["tags"] = new JsonArray() };
    }

    /// <summary>One part or two: what follows a name is always one of a few words.</summary>
    private static (string Name, string[] Parts) Split(string[] parts)
    {
        int end = Array.FindIndex(parts, part => part is "revision" or "tree" or "resolve" or "refs" or "auth-check" or "xet-read-token");
        end = end < 0 ? parts.Length : end;
        return (string.Join('/', parts[..end]), parts[end..]);
    }

    private bool KnowsAccount(string? token) => token is not null && (Strangers.Contains(token) || _repositories.Values.Any(repository => repository.Token == token));

    private static bool IsShut(HttpContext http, FakeRepository repository) => repository.IsGated && TokenOf(http) != repository.Token;

    private static string? TokenOf(HttpContext http) =>
        http.Request.Headers.Authorization.ToString() is { Length: > 7 } header && header.StartsWith("Bearer ", StringComparison.Ordinal) ? header[7..] : null;

    private bool IsLfs(FakeContent content) => content.Length > LfsAbove;

    /// <summary>Not the real function, but as the real one another name than the SHA-256.</summary>
    private static string XetHash(FakeContent content) => string.Concat(content.Sha256.Reverse());

    private static Task JsonAsync(HttpContext http, JsonNode body)
    {
        http.Response.ContentType = "application/json; charset=utf-8";
        return http.Response.WriteAsync(body.ToJsonString());
    }
}
