using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Schemas;

namespace AiModels.ApiMachinery.Negotiation;

/// <summary>Reads bodies into documents; what is not one is a 400, what is of another media type a 415.</summary>
internal static class BodyDecoder
{
    /// <summary>An object from a JSON or YAML body.</summary>
    /// <param name="duplicates">Gets <c>duplicate field "spec.x"</c> for each field that is named twice; the last value won.</param>
    public static JsonObject Decode(ReadOnlyMemory<byte> body, string? contentType, List<string> duplicates)
    {
        JsonNode? node = MediaTypes.Bare(contentType) switch
        {
            MediaTypes.Json => Read(body, duplicates, isYaml: false, "couldn't get version/kind; json parse error: "),
            MediaTypes.Yaml or "application/x-yaml" or "text/yaml" => Read(body, duplicates, isYaml: true, "error decoding YAML: "),
            _ => throw ApiError.UnsupportedMediaType(MediaTypes.Objects),
        };
        return node as JsonObject ?? throw ApiError.BadRequest(
            "couldn't get version/kind; json parse error: json: cannot unmarshal into Go value: an object was expected, the body is "
            + (body.Length == 0 ? "empty" : node.TypeName()));
    }

    /// <summary>A patch document.</summary>
    public static JsonNode? Patch(ReadOnlyMemory<byte> body, List<string> duplicates) => Read(body, duplicates, isYaml: false, "error decoding patch: ");

    /// <summary>An applied configuration: YAML, or the JSON that most clients send under YAML's name.</summary>
    public static JsonObject? Applied(ReadOnlyMemory<byte> body, List<string> duplicates) =>
        Read(body, duplicates, isYaml: true, "error decoding YAML: ") as JsonObject;

    private static JsonNode? Read(ReadOnlyMemory<byte> body, List<string> duplicates, bool isYaml, string failure)
    {
        try
        {
            DecodedDocument document = isYaml ? DocumentDecoder.DecodeYaml(body.Span) : DocumentDecoder.DecodeJson(body.Span);
            duplicates.AddRange(document.Duplicates);
            return document.Root;
        }
        catch (DocumentFormatException error)
        {
            throw ApiError.BadRequest(failure + error.Message);
        }
    }
}
