using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using AiModels.Controllers.Preparation.Sources.Hubs;
using AiModels.ModelPack.Oci;

namespace AiModels.Controllers.Preparation.Sources.Ollama;

/// <summary>Ollama's registry and what mirrors it. Never sends credentials: public models need none, and signed addresses carry their own. Thread-safe.</summary>
internal sealed class OllamaRegistry(HubTransport transport)
{
    private const string ManifestType = "application/vnd.docker.distribution.manifest.v2+json";

    // The limit that registries have for manifests; configs have some hundred bytes.
    private const int MaxDocumentBytes = 4 * 1024 * 1024;

    // An error's words are not worth more.
    private const int MaxErrorBytes = 64 * 1024;

    /// <summary>The manifest's bytes as they came, by tag or by digest. Null when there is none. Throws <see cref="HubException"/>.</summary>
    public async Task<byte[]?> FindManifestAsync(OllamaReference reference, string tagOrDigest, CancellationToken cancellationToken)
    {
        var target = new Uri(transport.Endpoint, $"v2/{reference.Repository}/manifests/{tagOrDigest}");
        using HttpResponseMessage response = await transport.GetAsync(target, token: null, range: null, ManifestType, cancellationToken);
        if (response.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }

        await ExpectAsync(response, $"the manifest of {reference}", cancellationToken);
        return await transport.ReadAsync(response, MaxDocumentBytes, cancellationToken);
    }

    /// <summary>A small blob, whole and with the right digest. Throws <see cref="HubException"/>.</summary>
    public async Task<byte[]> ReadBlobAsync(OllamaReference reference, OllamaDescriptor blob, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await transport.GetAsync(Blob(reference, blob.Digest), token: null, range: null, accept: null, cancellationToken);
        await ExpectAsync(response, $"blob {blob.Digest} of {reference}", cancellationToken);
        byte[] content = await transport.ReadAsync(response, MaxDocumentBytes, cancellationToken);
        var actual = Digest.Sha256Of(content);
        return actual == blob.Digest
            ? content
            : throw new HubException($"The config of {reference} arrived with digest {actual} and {blob.Digest} is promised. The source or the way to it is damaged.", HttpStatusCode.BadRequest);
    }

    /// <summary>
    /// A blob's bytes from an offset on, as far as <paramref name="end"/> (exclusive): a range, or the whole blob when the answer is 200. Every call begins at
    /// the registry, because the addresses it redirects to end after a while.
    /// </summary>
    public async Task<HttpResponseMessage> OpenAsync(OllamaReference reference, OllamaDescriptor blob, long offset, long end, CancellationToken cancellationToken)
    {
        HttpResponseMessage response = await transport.GetAsync(Blob(reference, blob.Digest), token: null, new RangeHeaderValue(offset, end - 1), accept: null, cancellationToken);
        if (response.StatusCode is HttpStatusCode.OK or HttpStatusCode.PartialContent)
        {
            return response;
        }

        using (response)
        {
            string what = $"blob {blob.Digest} of {reference}";
            if (response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable)
            {
                throw new HubException($"The {what} ends before the {blob.Size} bytes that its manifest promises.", response.StatusCode);
            }

            await ExpectAsync(response, what, cancellationToken);
            throw Refused(response, what, "");
        }
    }

    private Uri Blob(OllamaReference reference, Digest digest) => new(transport.Endpoint, $"v2/{reference.Repository}/blobs/{digest}");

    private async Task ExpectAsync(HttpResponseMessage response, string what, CancellationToken cancellationToken)
    {
        if (response.IsSuccessStatusCode)
        {
            return;
        }

        string host = response.RequestMessage!.RequestUri!.Host;
        throw response.StatusCode switch
        {
            HttpStatusCode.NotFound => new HubException($"{host} has no {what}.", response.StatusCode),
            HttpStatusCode.Unauthorized => new HubException($"{host} wants credentials for {what}{Realm(response)}. Only public models can be had from there, and no credentials are sent.", response.StatusCode),
            HttpStatusCode.TooManyRequests => new HubException($"{host} is limiting the rate of requests.", response.StatusCode),
            _ => Refused(response, what, await WordsAsync(response, cancellationToken)),
        };
    }

    private static HubException Refused(HttpResponseMessage response, string what, string words) =>
        new($"{response.RequestMessage!.RequestUri!.Host} answered {(int)response.StatusCode} for {what}{words}.", response.StatusCode);

    /// <summary>Where the registry would send a client for a token. Nobody goes there; least of all when it is another host.</summary>
    private static string Realm(HttpResponseMessage response)
    {
        string? challenge = response.Headers.WwwAuthenticate.FirstOrDefault(header => header.Scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase))?.Parameter;
        string? realm = challenge?.Split(',').Select(part => part.Trim()).FirstOrDefault(part => part.StartsWith("realm=", StringComparison.OrdinalIgnoreCase))?[6..].Trim('"');
        return !Uri.TryCreate(realm, UriKind.Absolute, out Uri? uri) ? ""
            : uri.Authority == response.RequestMessage!.RequestUri!.Authority ? $" (a token of {uri.Authority})"
            : $" (a token of {uri.Authority}, which is another host and is not asked)";
    }

    /// <summary>{"errors":[{"code","message"}]}, as registries say it.</summary>
    private async Task<string> WordsAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(await transport.ReadAsync(response, MaxErrorBytes, cancellationToken));
            JsonElement error = document.RootElement.GetProperty("errors")[0];
            return $": {error.GetProperty("code").GetString()} ({error.GetProperty("message").GetString()})";
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or IndexOutOfRangeException or HubException or HttpRequestException or IOException)
        {
            // The status alone must do.
            return "";
        }
    }
}
