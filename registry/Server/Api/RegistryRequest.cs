using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Grants;

namespace AiModels.Registry.Api;

/// <summary>One authorized request, as the handlers see it.</summary>
/// <param name="Http">The exchange.</param>
/// <param name="Repository">The repository, a valid name.</param>
/// <param name="Target">Digest, tag or upload id, not checked yet.</param>
/// <param name="Caller">Who asks, and what that caller may do.</param>
internal readonly record struct RegistryRequest(HttpContext Http, string Repository, string Target, Caller Caller)
{
    public CancellationToken Aborted => Http.RequestAborted;

    public bool IsHead => HttpMethods.IsHead(Http.Request.Method);

    /// <summary>A query parameter, or null. Given twice, the first counts.</summary>
    public string? Query(string name) => Http.Request.Query.TryGetValue(name, out Microsoft.Extensions.Primitives.StringValues values) && values.Count > 0 ? values[0] : null;

    /// <summary>The target as a digest.</summary>
    public Digest RequireDigestTarget() => RequireDigest(Target);

    /// <summary>Text as a digest.</summary>
    /// <exception cref="RegistryException">DIGEST_INVALID.</exception>
    public static Digest RequireDigest(string? text) => Digest.TryParse(text, out Digest digest)
        ? digest
        : throw new RegistryException(RegistryError.DigestInvalid, $"'{text}' is no digest: want sha256: and 64, or sha512: and 128 lower-case hex digits.");

    /// <summary>The NAME_INVALID for a text that is no repository's name.</summary>
    public static RegistryException InvalidName(string text) => new(
        RegistryError.NameInvalid,
        $"'{text}' is no repository name: want up to 255 lower-case letters and digits, joined by '.', '_', '__' or dashes, in components joined by '/'.");

    /// <summary>A tag's name.</summary>
    /// <exception cref="RegistryException">TAG_INVALID.</exception>
    public static string RequireTag(string text) => Reference.IsTag(text)
        ? text
        : throw new RegistryException(RegistryError.TagInvalid, $"'{text}' is no tag: want up to 128 letters, digits, '_', '.' and '-', not beginning with '.' or '-'.");

    /// <summary>An informational warning for the user of the client (RFC 7234, 5.5).</summary>
    public void Warn(string text) => Http.Response.Headers.Append("Warning", $"299 - \"{text.Replace('"', '\'')}\"");

    /// <summary>Answers with a JSON document.</summary>
    public Task WriteJsonAsync<T>(T value, JsonTypeInfo<T> type, string contentType = "application/json", int status = StatusCodes.Status200OK)
    {
        byte[] content = JsonSerializer.SerializeToUtf8Bytes(value, type);
        Http.Response.StatusCode = status;
        Http.Response.ContentType = contentType;
        Http.Response.ContentLength = content.Length;
        return IsHead ? Task.CompletedTask : Http.Response.Body.WriteAsync(content, Aborted).AsTask();
    }
}
