using System.Net;
using System.Text.Json;
using AiModels.Controllers.Preparation.Sources.Hubs;

namespace AiModels.Controllers.Preparation.Sources.HuggingFace;

/// <summary>The HTTP API of Hugging Face and of what mirrors it. Thread-safe.</summary>
internal sealed class HubClient(HubTransport transport)
{
    // The hub says itself: fewer than 100,000 files a repository; a page has 1000.
    private const int MaxPages = 200;

    // A listing of 1000 files has some 300 KB.
    private const int MaxPageBytes = 16 * 1024 * 1024;

    private readonly Uri _endpoint = transport.Endpoint;

    /// <summary>The commit that a revision stands for, and what the repository is called now. Throws <see cref="HubException"/>.</summary>
    public Task<HubRevision> ResolveAsync(string repository, string revision, HubAccess access, CancellationToken cancellationToken) =>
        AskAsync(Api($"models/{repository}/revision/{Uri.EscapeDataString(revision)}"), access, repository, $"revision '{revision}'", (_, root) =>
        {
            string? commit = Text(root, "sha");
            return commit is { Length: 40 } && commit.All(char.IsAsciiHexDigitLower)
                ? new HubRevision(Text(root, "id") is { } name && HubReference.IsRepository(name) ? name : repository, commit)
                : throw new HubException($"{_endpoint.Host} does not say which commit '{revision}' of {repository} is (sha: '{commit}').", HttpStatusCode.BadRequest);
        }, cancellationToken);

    /// <summary>All files at a commit, in the order of their paths.</summary>
    public async Task<IReadOnlyList<HubFile>> ListAsync(string repository, string commit, HubAccess access, CancellationToken cancellationToken)
    {
        var files = new Dictionary<string, HubFile>();
        Uri? page = Api($"models/{repository}/tree/{commit}?recursive=true&expand=false");
        for (int pages = 0; page is not null; pages++)
        {
            if (pages == MaxPages)
            {
                throw new HubException($"{repository} has more than {MaxPages * 1000} files.", HttpStatusCode.BadRequest);
            }

            page = await AskAsync(page, access, repository, $"commit {commit}", (response, root) =>
            {
                if (root.ValueKind != JsonValueKind.Array)
                {
                    throw Unreadable(repository, "the listing is no list");
                }

                foreach (HubFile file in root.EnumerateArray().Where(entry => Text(entry, "type") == "file").Select(entry => Read(repository, entry)))
                {
                    files[file.Path] = file;
                }

                return NextPage(response);
            }, cancellationToken);
        }

        return [.. files.Values.OrderBy(file => file.Path, StringComparer.Ordinal)];
    }

    /// <summary>Where a file's bytes are.</summary>
    public HubAddress AddressOf(string repository, string commit, string path, HubAccess access)
    {
        string escaped = string.Join('/', path.Split('/').Select(Uri.EscapeDataString));
        return new HubAddress(transport, new Uri(_endpoint, $"{repository}/resolve/{commit}/{escaped}"), access, (response, _) => Task.FromResult(Explain(response, repository, $"file {path}")));
    }

    /// <summary>A JSON answer, asked for again when the hub cannot give it just now.</summary>
    private async Task<T> AskAsync<T>(
        Uri target, HubAccess access, string repository, string what, Func<HttpResponseMessage, JsonElement, T> read, CancellationToken cancellationToken) =>
        await transport.Transfer.Retries.ExecuteAsync(async cancellation =>
        {
            using HttpResponseMessage response = await transport.GetAsync(target, access, range: null, accept: null, cancellation);
            if (!response.IsSuccessStatusCode)
            {
                throw Explain(response, repository, what);
            }

            using JsonDocument document = await ReadJsonAsync(response, cancellation);
            return Read(repository, () => read(response, document.RootElement));
        }, cancellationToken);

    private T Read<T>(string repository, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (InvalidOperationException e)
        {
            // A text with half a surrogate, which the parser lets pass until it is read.
            throw Unreadable(repository, e.Message.TrimEnd('.'));
        }
    }

    private Uri Api(string path) => new(_endpoint, "api/" + path);

    private HubException Explain(HttpResponseMessage response, string repository, string what)
    {
        string code = response.Headers.TryGetValues("X-Error-Code", out IEnumerable<string>? codes) ? codes.First() : "";
        if (code.Length == 0 && response.RequestMessage!.RequestUri!.Authority != _endpoint.Authority)
        {
            // An address that the hub has just given out and that is refused: its store's trouble, not a word of the hub about the repository.
            string host = response.RequestMessage.RequestUri.Host;
            return new HubException($"{host}, to which {_endpoint.Host} sends for {what} of {repository}, answered {(int)response.StatusCode}.", HttpStatusCode.BadGateway);
        }

        string words = response.Headers.TryGetValues("X-Error-Message", out IEnumerable<string>? messages) ? messages.First() : "";
        string message = (response.StatusCode, code) switch
        {
            (_, "GatedRepo") => $"{repository} is gated: accept its terms on {_endpoint.Host} and give a token of that account in spec.source.authSecretRef.",
            (_, "RevisionNotFound") => $"{repository} has no {what}.",
            (_, "RepoNotFound") => $"There is no repository {repository} on {_endpoint.Host}.",
            (_, "EntryNotFound") => $"{repository} has no {what}.",
            (HttpStatusCode.Unauthorized, _) => $"{_endpoint.Host} does not show {repository}: it does not exist, or is private or gated and the token (spec.source.authSecretRef) is missing or refused{(words.Length > 0 ? $" (it says: {words})" : "")}.",
            (HttpStatusCode.Forbidden, _) => $"{_endpoint.Host} refuses {repository}: {(words.Length > 0 ? words : "access is disabled or the token may not read it")}",
            (HttpStatusCode.TooManyRequests, _) => $"{_endpoint.Host} is limiting the rate of requests.",
            _ => $"{_endpoint.Host} answered {(int)response.StatusCode} for {what} of {repository}{(words.Length > 0 ? ": " + words : "")}.",
        };
        return new HubException(message, response.StatusCode, code == "RevisionNotFound");
    }

    private async Task<JsonDocument> ReadJsonAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        byte[] answer = await transport.ReadAsync(response, MaxPageBytes, cancellationToken);
        try
        {
            return JsonDocument.Parse(answer);
        }
        catch (JsonException e)
        {
            string type = response.Content.Headers.ContentType?.MediaType ?? "something";
            throw new HubException(
                $"{response.RequestMessage!.RequestUri!.Host} answered {(int)response.StatusCode} with {type} that is no JSON ({e.Message.TrimEnd('.')}): this is no hub, or a proxy answers for it.", HttpStatusCode.BadGateway);
        }
    }

    private HubFile Read(string repository, JsonElement entry)
    {
        if (Text(entry, "path") is not { Length: > 0 } path || Text(entry, "oid") is not { } oid
            || !entry.TryGetProperty("size", out JsonElement length) || length.ValueKind != JsonValueKind.Number || !length.TryGetInt64(out long size) || size < 0)
        {
            throw Unreadable(repository, "a file has no path, oid or size");
        }

        string? sha256 = entry.TryGetProperty("lfs", out JsonElement lfs) && lfs.ValueKind == JsonValueKind.Object ? Text(lfs, "oid") ?? "" : null;
        if (sha256?.Contains('*', StringComparison.Ordinal) == true)
        {
            // How the hub shows a gated repository to those who may not read it.
            throw new HubException($"{repository} is gated and its files are hidden: accept its terms on {_endpoint.Host} and give a token of that account in spec.source.authSecretRef.", HttpStatusCode.Forbidden);
        }

        return IsHex(sha256 ?? oid, sha256 is null ? 40 : 64)
            ? new HubFile(path, size, oid, sha256)
            : throw Unreadable(repository, $"{path} has the digest '{sha256 ?? oid}', want {(sha256 is null ? 40 : 64)} lower-case hex digits");
    }

    private HubException Unreadable(string repository, string problem) =>
        new($"{_endpoint.Host} lists {repository} in a way that cannot be used: {problem}.", HttpStatusCode.BadRequest);

    private static bool IsHex(string text, int length) => text.Length == length && text.All(char.IsAsciiHexDigitLower);

    private static string? Text(JsonElement parent, string name) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    /// <summary>Link: &lt;URL&gt;; rel="next". Behind a mirror it still names the original hub: only its path and query count, so the token stays here.</summary>
    private Uri? NextPage(HttpResponseMessage response)
    {
        string? link = response.Headers.TryGetValues("Link", out IEnumerable<string>? links)
            ? links.SelectMany(value => value.Split(',')).FirstOrDefault(value => value.Contains("rel=\"next\"", StringComparison.Ordinal))
            : null;
        int start = link?.IndexOf('<', StringComparison.Ordinal) ?? -1;
        int end = link?.IndexOf('>', StringComparison.Ordinal) ?? -1;
        return start >= 0 && end > start && Uri.TryCreate(_endpoint, link![(start + 1)..end], out Uri? next) ? new Uri(_endpoint, next.PathAndQuery) : null;
    }
}

/// <summary>What a revision stands for.</summary>
/// <param name="Repository">Its name of today: a repository that was renamed is found under its old one as well.</param>
internal sealed record HubRevision(string Repository, string Commit);
