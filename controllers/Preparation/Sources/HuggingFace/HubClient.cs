using System.Net;
using System.Net.Http.Headers;
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

    /// <summary>The commit that a revision stands for. Throws <see cref="HubException"/>.</summary>
    public async Task<string> ResolveAsync(string repository, string revision, string? token, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await GetAsync(Api($"models/{repository}/revision/{Uri.EscapeDataString(revision)}"), token, null, cancellationToken);
        Expect(response, repository, $"revision '{revision}'");
        using JsonDocument document = await ReadJsonAsync(response, cancellationToken);
        string? commit = document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("sha", out JsonElement sha) ? sha.GetString() : null;
        return commit is { Length: 40 } && commit.All(char.IsAsciiHexDigitLower)
            ? commit
            : throw new HubException($"{_endpoint.Host} does not say which commit '{revision}' of {repository} is (sha: '{commit}').", HttpStatusCode.BadRequest);
    }

    /// <summary>All files at a commit.</summary>
    public async Task<IReadOnlyList<HubFile>> ListAsync(string repository, string commit, string? token, CancellationToken cancellationToken)
    {
        var files = new List<HubFile>();
        Uri? page = Api($"models/{repository}/tree/{commit}?recursive=true&expand=false");
        for (int pages = 0; page is not null; pages++)
        {
            if (pages == MaxPages)
            {
                throw new HubException($"{repository} has more than {MaxPages * 1000} files.", HttpStatusCode.BadRequest);
            }

            using HttpResponseMessage response = await GetAsync(page, token, null, cancellationToken);
            Expect(response, repository, $"commit {commit}");
            using JsonDocument document = await ReadJsonAsync(response, cancellationToken);
            files.AddRange(document.RootElement.EnumerateArray().Where(IsFile).Select(entry => Read(repository, entry)));
            page = NextPage(response);
        }

        return files;
    }

    /// <summary>
    /// A file's bytes from an offset on, as far as <paramref name="end"/> (exclusive). The caller looks at the status: 206 is the range, 200 the whole file.
    /// </summary>
    public async Task<HttpResponseMessage> OpenAsync(string repository, string commit, string path, long offset, long end, string? token, CancellationToken cancellationToken)
    {
        string escaped = string.Join('/', path.Split('/').Select(Uri.EscapeDataString));
        var range = new RangeHeaderValue(offset, end - 1);
        HttpResponseMessage response = await GetAsync(new Uri(_endpoint, $"{repository}/resolve/{commit}/{escaped}"), token, range, cancellationToken);
        if (response.StatusCode is HttpStatusCode.OK or HttpStatusCode.PartialContent)
        {
            return response;
        }

        using (response)
        {
            Expect(response, repository, $"file {path}");
            throw new HubException($"{repository}: {path} was answered with {(int)response.StatusCode}.", response.StatusCode);
        }
    }

    private Uri Api(string path) => new(_endpoint, "api/" + path);

    private Task<HttpResponseMessage> GetAsync(Uri target, string? token, RangeHeaderValue? range, CancellationToken cancellationToken) =>
        transport.GetAsync(target, token, range, accept: null, cancellationToken);

    private void Expect(HttpResponseMessage response, string repository, string what)
    {
        if (response.IsSuccessStatusCode)
        {
            return;
        }

        string code = response.Headers.TryGetValues("X-Error-Code", out IEnumerable<string>? codes) ? codes.First() : "";
        string words = response.Headers.TryGetValues("X-Error-Message", out IEnumerable<string>? messages) ? messages.First() : "";
        string message = (response.StatusCode, code) switch
        {
            (_, "GatedRepo") => $"{repository} is gated: accept its terms on {_endpoint.Host} and give a token of that account in spec.source.authSecretRef.",
            (_, "RevisionNotFound") => $"{repository} has no {what}.",
            (_, "RepoNotFound") => $"There is no repository {repository} on {_endpoint.Host}.",
            (_, "EntryNotFound") => $"{repository} has no {what}.",
            (HttpStatusCode.Unauthorized, _) => $"{_endpoint.Host} does not show {repository}: it does not exist, or is private or gated and the token (spec.source.authSecretRef) is missing or refused.",
            (HttpStatusCode.Forbidden, _) => $"{_endpoint.Host} refuses {repository}: {(words.Length > 0 ? words : "access is disabled or the token may not read it")}",
            (HttpStatusCode.TooManyRequests, _) => $"{_endpoint.Host} is limiting the rate of requests.",
            _ => $"{_endpoint.Host} answered {(int)response.StatusCode} for {what} of {repository}{(words.Length > 0 ? ": " + words : "")}.",
        };
        throw new HubException(message, response.StatusCode, code == "RevisionNotFound");
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
            throw new HubException($"{response.RequestMessage!.RequestUri!.Host} answered something that is no JSON: {e.Message}", HttpStatusCode.BadGateway);
        }
    }

    private static bool IsFile(JsonElement entry) => entry.TryGetProperty("type", out JsonElement type) && type.GetString() == "file";

    private static HubFile Read(string repository, JsonElement entry)
    {
        string path = entry.GetProperty("path").GetString()!;
        string oid = entry.GetProperty("oid").GetString()!;
        string? sha256 = entry.TryGetProperty("lfs", out JsonElement lfs) && lfs.ValueKind == JsonValueKind.Object ? lfs.GetProperty("oid").GetString() : null;
        if (sha256?.Contains('*', StringComparison.Ordinal) == true)
        {
            // How the hub shows a gated repository to those who may not read it.
            throw new HubException($"{repository} is gated and its files are hidden: accept its terms and give a token of that account in spec.source.authSecretRef.", HttpStatusCode.Forbidden);
        }

        return new HubFile(path, entry.GetProperty("size").GetInt64(), oid, sha256);
    }

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
