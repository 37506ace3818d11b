using System.Net;
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
    public async Task<byte[]?> FindManifestAsync(OllamaReference reference, string tagOrDigest, HubAccess access, CancellationToken cancellationToken)
    {
        var target = new Uri(transport.Endpoint, $"v2/{reference.Repository}/manifests/{tagOrDigest}");
        return await transport.Transfer.Retries.ExecuteAsync(async cancellation =>
        {
            using HttpResponseMessage response = await transport.GetAsync(target, access, range: null, ManifestType, cancellation);
            return response.StatusCode == HttpStatusCode.NotFound ? null : await ReadAsync(response, $"the manifest of {reference}", cancellation);
        }, cancellationToken);
    }

    /// <summary>A small blob, whole and with the right digest. Throws <see cref="HubException"/>.</summary>
    public async Task<byte[]> ReadBlobAsync(OllamaReference reference, OllamaDescriptor blob, string what, HubAccess access, CancellationToken cancellationToken)
    {
        byte[] content = await transport.Transfer.Retries.ExecuteAsync(async cancellation =>
        {
            using HttpResponseMessage response = await transport.GetAsync(Blob(reference, blob.Digest), access, range: null, accept: null, cancellation);
            return await ReadAsync(response, $"blob {blob.Digest} of {reference}", cancellation);
        }, cancellationToken);
        var actual = Digest.Sha256Of(content);
        return actual == blob.Digest
            ? content
            : throw new HubException($"The {what} of {reference} arrived with digest {actual} and {blob.Digest} is promised. The source or the way to it is damaged.", HttpStatusCode.BadRequest);
    }

    /// <summary>Where a blob's bytes are.</summary>
    public HubAddress AddressOf(OllamaReference reference, OllamaDescriptor blob, HubAccess access) => new(transport, Blob(reference, blob.Digest), access, (response, cancellationToken) =>
    {
        string what = $"blob {blob.Digest} of {reference}";
        return response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable
            ? Task.FromResult(new HubException($"The {what} ends before the {blob.Size} bytes that its manifest promises.", response.StatusCode))
            : ExplainAsync(response, what, cancellationToken);
    });

    private Uri Blob(OllamaReference reference, Digest digest) => new(transport.Endpoint, $"v2/{reference.Repository}/blobs/{digest}");

    private async Task<byte[]> ReadAsync(HttpResponseMessage response, string what, CancellationToken cancellationToken) => response.IsSuccessStatusCode
        ? await transport.ReadAsync(response, MaxDocumentBytes, cancellationToken)
        : throw await ExplainAsync(response, what, cancellationToken);

    private async Task<HubException> ExplainAsync(HttpResponseMessage response, string what, CancellationToken cancellationToken)
    {
        Uri asked = response.RequestMessage!.RequestUri!;
        if (asked.Authority != transport.Endpoint.Authority)
        {
            // An address that the registry has just given out and that is refused: its store's trouble.
            return new HubException($"{asked.Host}, to which {transport.Endpoint.Host} sends for {what}, answered {(int)response.StatusCode}.", HttpStatusCode.BadGateway);
        }

        return response.StatusCode switch
        {
            HttpStatusCode.NotFound => new HubException($"{asked.Host} has no {what}.", response.StatusCode),
            HttpStatusCode.Unauthorized => new HubException($"{asked.Host} wants credentials for {what}{Realm(response)}. Only public models can be had from there, and no credentials are sent.", response.StatusCode),
            HttpStatusCode.TooManyRequests => new HubException($"{asked.Host} is limiting the rate of requests.", response.StatusCode),
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
