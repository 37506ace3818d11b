using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Handlers;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Schemas;
using AiModels.Contracts.V1Alpha1;

namespace AiModels.ApiServer.Subresources;

/// <summary>Small bodies of subresource requests, and their answers.</summary>
internal static class SubresourceBody
{
    // A grant or a session is some hundred bytes, a progress report of a thousand files some hundred thousand.
    private const int MaximumBytes = 1 << 20;

    /// <summary>
    /// The body as a contract type, valid by the subresource's schema (422 otherwise); null when there is none. JSON or YAML whatever the content type says:
    /// <c>kubectl create --raw -f file.yaml</c> sends the file as it is and calls it JSON.
    /// </summary>
    public static async Task<T?> ReadAsync<T>(HttpRequest request, ISubresource subresource, CancellationToken cancellationToken)
        where T : class
    {
        byte[] body = await ReadBytesAsync(request, cancellationToken);
        if (body.AsSpan().Trim(" \t\r\n"u8).IsEmpty)
        {
            return null;
        }

        JsonObject document = Decode(body);
        string kind = subresource.Kind;
        RefuseOtherKind(document, kind);
        RefuseInvalid(document, subresource.Schema, kind);
        try
        {
            return document.Deserialize<T>(ContractsJson.Options);
        }
        catch (JsonException cause)
        {
            throw ApiError.BadRequest($"the body is no {kind}: what stands at {cause.Path ?? "$"} cannot be read as that field");
        }
    }

    /// <summary>Answers with a contract object, in the form the client takes.</summary>
    public static Task WriteAsync<T>(SubresourceRequest request, ISubresource subresource, int status, T value, TimeProvider time) =>
        SubresourceAnswer.WriteAsync(request, subresource, status, JsonSerializer.SerializeToNode(value, ContractsJson.Options)!.AsObject(), time.GetUtcNow());

    private static JsonObject Decode(byte[] body)
    {
        try
        {
            DecodedDocument decoded = body.AsSpan().TrimStart(" \t\r\n"u8)[0] == (byte)'{' ? DocumentDecoder.DecodeJson(body) : DocumentDecoder.DecodeYaml(body);
            return decoded.Object ?? throw ApiError.BadRequest("the body is not an object");
        }
        catch (DocumentFormatException cause)
        {
            throw ApiError.BadRequest(cause.Message);
        }
    }

    private static void RefuseOtherKind(JsonObject document, string kind)
    {
        string actual = document["kind"]?.ToString() ?? kind, version = document["apiVersion"]?.ToString() ?? GroupVersion.ApiVersion;
        if (actual != kind || version != GroupVersion.ApiVersion)
        {
            throw ApiError.BadRequest($"the body is {version} {actual}: want {GroupVersion.ApiVersion} {kind}");
        }
    }

    // By the schema that clients were told: every error names its field, and what is deserialized next has the types and elements it says.
    private static void RefuseInvalid(JsonObject document, Schema schema, string kind)
    {
        SchemaDefaulter.Apply(schema, document);
        if (SchemaValidator.Validate(schema, document) is { Count: > 0 } errors)
        {
            throw ApiError.Invalid($"{kind}.{GroupVersion.Group}", GroupVersion.Group, kind, "", errors);
        }
    }

    private static async Task<byte[]> ReadBytesAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        using var buffer = new MemoryStream();
        byte[] block = new byte[16 * 1024];
        while (await request.Body.ReadAsync(block, cancellationToken) is > 0 and var count)
        {
            if (buffer.Length + count > MaximumBytes)
            {
                throw ApiError.RequestEntityTooLarge($"limit is {MaximumBytes}");
            }

            buffer.Write(block, 0, count);
        }

        return buffer.ToArray();
    }
}
