using System.Buffers;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Resources;
using Microsoft.AspNetCore.Http;

namespace AiModels.ApiMachinery.Negotiation;

/// <summary>Writes one object in the form that was asked for: the stored bytes where they will do.</summary>
internal static class ObjectWriter
{
    public static async Task WriteAsync(
        HttpContext context, Negotiated negotiated, int code, ResourceDefinition definition, ResourceObject obj, DateTimeOffset now)
    {
        if (!negotiated.IsVerbatim)
        {
            await WriteAsync(context, negotiated, code, Shape(negotiated, definition, obj.ToJson(), now));
            return;
        }

        HttpResponse response = context.Response;
        response.StatusCode = code;
        response.ContentType = MediaTypes.Json;
        if (obj.Value.Length > Gzip.From && Gzip.IsTaken(context))
        {
            var body = new ArrayBufferWriter<byte>(obj.Value.Length + 64);
            obj.WriteTo(body);
            body.Write("\n"u8);
            await WriteBodyAsync(context, body.WrittenMemory);
            return;
        }

        response.ContentLength = ObjectBytes.SplicedLength(obj.Value.Length, obj.Revision) + 1;
        obj.WriteTo(response.BodyWriter);
        response.BodyWriter.Write("\n"u8);
        await response.BodyWriter.FlushAsync(context.RequestAborted);
    }

    /// <summary>Writes a document as it is: discovery, Status, an options answer.</summary>
    public static async Task WriteAsync(HttpContext context, Negotiated negotiated, int code, JsonNode document)
    {
        HttpResponse response = context.Response;
        response.StatusCode = code;
        response.ContentType = negotiated.ContentType;
        await WriteBodyAsync(context, negotiated.IsYaml ? YamlWriter.Write(document) : ObjectBytes.ToBody(document, negotiated.IsPretty));
    }

    private static async Task WriteBodyAsync(HttpContext context, ReadOnlyMemory<byte> body)
    {
        if (body.Length > Gzip.From && Gzip.IsTaken(context))
        {
            await using Stream gzip = Gzip.Open(context.Response);
            await gzip.WriteAsync(body, context.RequestAborted);
            return;
        }

        context.Response.ContentLength = body.Length;
        await context.Response.Body.WriteAsync(body, context.RequestAborted);
    }

    /// <summary>An object as Table or metadata, or as it is.</summary>
    public static JsonObject Shape(Negotiated negotiated, ResourceDefinition definition, JsonObject obj, DateTimeOffset now) => negotiated.Transform switch
    {
        Transform.Table => TableWriter.Write(definition, VersionOf(obj), [obj], negotiated, now),
        Transform.PartialObjectMetadata => TableWriter.Partial(obj, negotiated.MetaVersion),
        Transform.PartialObjectMetadataList => throw ApiError.Unreasoned("content is not a list"), // Upstream's answer for custom resources (contract N11).
        _ => obj,
    };

    private static JsonObject VersionOf(JsonObject obj) =>
        obj["metadata"]!["resourceVersion"] is { } version ? new JsonObject { ["resourceVersion"] = version.DeepClone() } : [];
}
