using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace AiModels.Registry.Api;

/// <summary>The small JSON documents that our own endpoints take, beside those of the OCI specification.</summary>
internal static class RequestDocument
{
    /// <summary>Reads the body of a request.</summary>
    /// <param name="most">Bytes that it may have.</param>
    /// <param name="shape">What is wanted, as the end of a sentence: "a JSON document with …".</param>
    /// <exception cref="RegistryException">UNSUPPORTED with 400, naming the field or the place in the body.</exception>
    public static async Task<T> ReadAsync<T>(RegistryRequest request, JsonTypeInfo<T> type, int most, string shape)
        where T : class
    {
        if (request.Http.Request.ContentLength is null or 0 || request.Http.Request.ContentLength > most)
        {
            throw Invalid($"Want {shape}, of at most {most} bytes and with a Content-Length.");
        }

        try
        {
            return await JsonSerializer.DeserializeAsync(request.Http.Request.Body, type, request.Aborted) ?? throw Invalid($"null: want {shape}.");
        }
        catch (JsonException failure)
        {
            throw Invalid(Describe(failure, shape), failure);
        }
    }

    // The serializer's own words name types of ours, which say nothing to others; those of its reader speak of the JSON.
    private static string Describe(JsonException failure, string shape) => failure switch
    {
        { InnerException: JsonException unreadable } => $"The body is no JSON document: {unreadable.Message}",
        { Path: ['$', '.', .. var field] } => $"{field}: the value is of another type, or lacks a field; want {shape}.",
        _ => $"Want {shape}.",
    };

    private static RegistryException Invalid(string detail, Exception? cause = null) => new(RegistryError.DocumentInvalid, detail, cause);
}
