using System.Text;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Schemas;

namespace AiModels.ApiMachinery.Negotiation;

/// <summary>Reads bodies into documents; what is not one is a 400, what is of another media type a 415. Sentences are upstream's (contract C4).</summary>
internal static class BodyDecoder
{
    private const string NoType = "couldn't get version/kind; json parse error: ";
    private const string GoTypeMeta = "struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }";

    // So much of a body that is no object of any kind is quoted.
    private const int SummaryLength = 30;

    /// <summary>An object of a kind, from a JSON or YAML body; its apiVersion and kind are texts.</summary>
    /// <param name="duplicates">Gets <c>duplicate field "spec.x"</c> for each field that is named twice; the last value won.</param>
    public static JsonObject Decode(ReadOnlyMemory<byte> body, string? contentType, ResourceDefinition definition, List<string> duplicates)
    {
        try
        {
            return Typed(body, contentType, duplicates);
        }
        catch (DocumentFormatException error)
        {
            throw ApiError.BadRequest(error.IsValue
                ? $"{definition.Kind} in version \"{definition.Version}\" cannot be handled as a {definition.Kind}: {error.Message}"
                : $"the object provided is unrecognized (must be of type {definition.Kind}): {error.Message} ({Summary(body.Span)})");
        }
    }

    /// <summary>An object without a kind of ours (DeleteOptions, Scale), from a JSON or YAML body; null where the body is.</summary>
    public static JsonObject? Options(ReadOnlyMemory<byte> body, string? contentType, List<string> duplicates)
    {
        try
        {
            return Untyped(body, contentType, duplicates);
        }
        catch (DocumentFormatException error)
        {
            throw ApiError.BadRequest(error.Message);
        }
    }

    /// <summary>A patch document.</summary>
    public static JsonNode? Patch(ReadOnlyMemory<byte> body, List<string> duplicates)
    {
        try
        {
            DecodedDocument document = DocumentDecoder.DecodeJson(body.Span);
            duplicates.AddRange(document.Duplicates);
            return document.Root;
        }
        catch (DocumentFormatException error)
        {
            throw ApiError.BadRequest("error decoding patch: " + error.Message);
        }
    }

    /// <summary>An applied configuration: YAML, or the JSON that most clients send under YAML's name. Null for an empty one.</summary>
    public static JsonObject? Applied(ReadOnlyMemory<byte> body, List<string> duplicates)
    {
        try
        {
            DecodedDocument document = DocumentDecoder.DecodeYaml(body.Span);
            duplicates.AddRange(document.Duplicates);
            return document.Root is null or JsonObject
                ? document.Object
                : throw ApiError.BadRequest(
                    $"error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {ObjectMetaShape.GoKind(document.Root)} into Go value of type map[string]interface {{}}");
        }
        catch (DocumentFormatException error)
        {
            throw ApiError.BadRequest("error decoding YAML: error converting YAML to JSON: " + error.Message);
        }
    }

    private static JsonObject Typed(ReadOnlyMemory<byte> body, string? contentType, List<string> duplicates)
    {
        JsonObject? document = Untyped(body, contentType, duplicates);
        foreach ((string field, JsonNode? value) in document ?? [])
        {
            if (field is "apiVersion" or "kind" && value is not null && !(value is JsonValue text && text.TryGetValue(out string? _)))
            {
                throw new DocumentFormatException($"{NoType}json: cannot unmarshal {ObjectMetaShape.GoKind(value)} into Go struct field .{field} of type string");
            }
        }

        string apiVersion = document?["apiVersion"]?.ToString() ?? "";
        if (apiVersion.AsSpan().Count('/') > 1)
        {
            throw new DocumentFormatException("unexpected GroupVersion string: " + apiVersion);
        }

        return document?["kind"]?.ToString() is { Length: > 0 } ? document : throw new DocumentFormatException($"Object 'Kind' is missing in '{Encoding.UTF8.GetString(body.Span)}'");
    }

    private static JsonObject? Untyped(ReadOnlyMemory<byte> body, string? contentType, List<string> duplicates)
    {
        bool isYaml = MediaTypes.Bare(contentType) switch
        {
            MediaTypes.Json => false,
            MediaTypes.Yaml or "application/x-yaml" or "text/yaml" => true,
            _ => throw ApiError.UnsupportedMediaType(MediaTypes.Objects),
        };
        DecodedDocument document = isYaml ? DocumentDecoder.DecodeYaml(body.Span) : Json(body.Span);
        duplicates.AddRange(document.Duplicates);
        return document.Root is null or JsonObject
            ? document.Object
            : throw new DocumentFormatException($"{NoType}json: cannot unmarshal {ObjectMetaShape.GoKind(document.Root)} into Go value of type {GoTypeMeta}");
    }

    private static DecodedDocument Json(ReadOnlySpan<byte> body)
    {
        try
        {
            return DocumentDecoder.DecodeJson(body);
        }
        catch (DocumentFormatException error) when (!error.IsValue)
        {
            throw new DocumentFormatException(NoType + error.Message);
        }
    }

    // Objects as they are, anything else in hexadecimal: it may be no text at all.
    private static string Summary(ReadOnlySpan<byte> body)
    {
        if (body.IsEmpty)
        {
            return "<empty>";
        }

        ReadOnlySpan<byte> start = body[..Math.Min(SummaryLength, body.Length)];
        return (body[0] == '{' ? Encoding.UTF8.GetString(start) : Convert.ToHexStringLower(start)) + (body.Length > SummaryLength ? " ..." : "");
    }
}
