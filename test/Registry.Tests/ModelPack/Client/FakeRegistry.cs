using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using AiModels.ModelPack.Oci;

namespace AiModels.Registry.Tests.ModelPack.Client;

/// <summary>
/// A small registry behind an HttpMessageHandler: what the distribution specification asks for, without a socket, and with a place for
/// every kind of misbehaviour.
/// </summary>
internal sealed class FakeRegistry : HttpMessageHandler
{
    public ConcurrentDictionary<string, byte[]> Blobs { get; } = new();
    public ConcurrentDictionary<string, (string MediaType, byte[] Content)> Manifests { get; } = new();

    /// <summary>Every request as "METHOD path".</summary>
    public ConcurrentQueue<string> Requests { get; } = new();

    /// <summary>Hosts that were sent an Authorization header.</summary>
    public ConcurrentQueue<string> AuthorizedHosts { get; } = new();

    /// <summary>Answers before the registry does, when it is not null.</summary>
    public Func<HttpRequestMessage, HttpResponseMessage?> Interfere { get; set; } = _ => null;

    /// <summary>Wraps the body of a blob's answer.</summary>
    public Func<Stream, Stream> BlobBody { get; set; } = stream => stream;

    public bool RefusesSinglePost { get; set; }
    public bool IgnoresRange { get; set; }
    public string? RequiredToken { get; set; }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        Requests.Enqueue($"{request.Method} {request.RequestUri!.PathAndQuery}");
        if (request.Headers.Authorization is not null)
        {
            AuthorizedHosts.Enqueue(request.RequestUri.Host);
        }

        byte[] body = request.Content is null ? [] : await request.Content.ReadAsByteArrayAsync(cancellationToken);
        HttpResponseMessage response = Interfere(request) ?? Answer(request, body);
        response.RequestMessage = request;
        return response;
    }

    public static HttpResponseMessage Error(HttpStatusCode status, string code) =>
        new(status) { Content = new StringContent($$"""{"errors":[{"code":"{{code}}","message":"it is {{code}}"}]}""") };

    private HttpResponseMessage Answer(HttpRequestMessage request, byte[] body)
    {
        if (RequiredToken is not null && request.Headers.Authorization?.Parameter != RequiredToken)
        {
            return Error(HttpStatusCode.Unauthorized, "UNAUTHORIZED");
        }

        string path = request.RequestUri!.AbsolutePath;
        if (path == "/v2/")
        {
            return new HttpResponseMessage(HttpStatusCode.OK);
        }

        string[] parts = path["/v2/".Length..].Split("/blobs/uploads/");
        if (parts.Length == 2)
        {
            return Upload(request, parts[0], body);
        }

        parts = path["/v2/".Length..].Split("/blobs/");
        if (parts.Length == 2)
        {
            return Blob(request, $"{parts[0]}/{parts[1]}");
        }

        parts = path["/v2/".Length..].Split("/manifests/");
        return parts.Length == 2 ? ManifestAnswer(request, parts[0], parts[1], body) : TagsOrReferrers(path["/v2/".Length..], request.RequestUri.Query);
    }

    private HttpResponseMessage Upload(HttpRequestMessage request, string repository, byte[] body)
    {
        var query = System.Web.HttpUtility.ParseQueryString(request.RequestUri!.Query);
        if (query["mount"] is { } mount && Blobs.TryGetValue($"{query["from"]}/{mount}", out byte[]? mounted))
        {
            Blobs[$"{repository}/{mount}"] = mounted;
            return new HttpResponseMessage(HttpStatusCode.Created);
        }

        bool isSinglePost = request.Method == HttpMethod.Post && query["digest"] is not null && !RefusesSinglePost;
        if (isSinglePost || request.Method == HttpMethod.Put)
        {
            string digest = query["digest"]!;
            if (Digest.Sha256Of(body).ToString() != digest)
            {
                return Error(HttpStatusCode.BadRequest, "DIGEST_INVALID");
            }

            Blobs[$"{repository}/{digest}"] = body;
            return new HttpResponseMessage(HttpStatusCode.Created);
        }

        var accepted = new HttpResponseMessage(request.Method == HttpMethod.Delete ? HttpStatusCode.NoContent : HttpStatusCode.Accepted);
        accepted.Headers.Location = new Uri($"/v2/{repository}/blobs/uploads/1234?state=abc", UriKind.Relative);
        return accepted;
    }

    private HttpResponseMessage Blob(HttpRequestMessage request, string key)
    {
        if (!Blobs.TryGetValue(key, out byte[]? blob))
        {
            return Error(HttpStatusCode.NotFound, "BLOB_UNKNOWN");
        }

        if (request.Method == HttpMethod.Delete)
        {
            Blobs.TryRemove(key, out _);
            return new HttpResponseMessage(HttpStatusCode.Accepted);
        }

        RangeItemHeaderValue? range = IgnoresRange ? null : request.Headers.Range?.Ranges.Single();
        int from = (int)(range?.From ?? 0);
        int to = (int)(range?.To ?? blob.Length - 1);
        var response = new HttpResponseMessage(range is null ? HttpStatusCode.OK : HttpStatusCode.PartialContent)
        {
            Content = new StreamContent(BlobBody(new MemoryStream(blob, from, to - from + 1))),
        };
        response.Content.Headers.ContentLength = to - from + 1;
        if (range is not null)
        {
            response.Content.Headers.ContentRange = new ContentRangeHeaderValue(from, to, blob.Length);
        }

        return response;
    }

    private HttpResponseMessage ManifestAnswer(HttpRequestMessage request, string repository, string reference, byte[] body)
    {
        if (request.Method == HttpMethod.Put)
        {
            string digest = Digest.Sha256Of(body).ToString();
            Manifests[$"{repository}/{reference}"] = Manifests[$"{repository}/{digest}"] = (request.Content!.Headers.ContentType!.MediaType!, body);
            return new HttpResponseMessage(HttpStatusCode.Created) { Headers = { { "Docker-Content-Digest", digest } } };
        }

        if (!Manifests.TryGetValue($"{repository}/{reference}", out (string MediaType, byte[] Content) manifest))
        {
            return Error(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN");
        }

        if (request.Method == HttpMethod.Delete)
        {
            Manifests.TryRemove($"{repository}/{reference}", out _);
            return new HttpResponseMessage(HttpStatusCode.Accepted);
        }

        var response = new HttpResponseMessage(HttpStatusCode.OK) { Content = new ByteArrayContent(manifest.Content) };
        response.Content.Headers.ContentType = new MediaTypeHeaderValue(manifest.MediaType);
        response.Headers.Add("Docker-Content-Digest", Digest.Sha256Of(manifest.Content).ToString());
        return response;
    }

    private HttpResponseMessage TagsOrReferrers(string path, string query)
    {
        if (path.Contains("/referrers/", StringComparison.Ordinal))
        {
            string subject = path[(path.LastIndexOf('/') + 1)..];
            var index = new ImageIndex { Manifests = [.. Manifests.Values.Where(manifest => Manifest.Parse(manifest.Content).Subject?.Digest.ToString() == subject).Select(manifest => new Descriptor { MediaType = manifest.MediaType, ArtifactType = Manifest.Parse(manifest.Content).ArtifactType, Digest = Digest.Sha256Of(manifest.Content), Size = manifest.Content.Length }).DistinctBy(item => item.Digest)] };
            return new HttpResponseMessage(HttpStatusCode.OK) { Content = new ByteArrayContent(index.Encode()) };
        }

        // Pages of one, so that every client has to turn them.
        string repository = path[..^"/tags/list".Length];
        string last = System.Web.HttpUtility.ParseQueryString(query)["last"] ?? "";
        string[] tags = [.. Manifests.Keys.Where(key => key.StartsWith(repository + "/", StringComparison.Ordinal) && !key.Contains(':')).Select(key => key[(repository.Length + 1)..]).Order(StringComparer.Ordinal)];
        string[] rest = [.. tags.Where(tag => string.CompareOrdinal(tag, last) > 0)];
        var response = new HttpResponseMessage(HttpStatusCode.OK) { Content = new StringContent($$"""{"name":"{{repository}}","tags":[{{string.Join(",", rest.Take(1).Select(tag => $"\"{tag}\""))}}]}""") };
        if (rest.Length > 1)
        {
            response.Headers.Add("Link", $"</v2/{repository}/tags/list?n=1&last={rest[0]}>; rel=\"next\"");
        }

        return response;
    }
}
