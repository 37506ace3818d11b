using System.Security.Cryptography;
using AiModels.ApiMachinery.Negotiation;
using AiModels.ApiMachinery.OpenApi;
using Microsoft.AspNetCore.Http;

namespace AiModels.ApiMachinery.Discovery;

/// <summary>A document with an ETag: 304 without a body to who has it already (contract D12, O3).</summary>
internal static class CachedBody
{
    /// <summary>Upper-case hex SHA-512, as upstream hashes its documents.</summary>
    public static string HashOf(ReadOnlySpan<byte> body) => Convert.ToHexString(SHA512.HashData(body));

    public static Task WriteAsync(HttpContext context, string contentType, ReadOnlyMemory<byte> body, string? cacheControl) =>
        IsKnown(context, HashOf(body.Span), cacheControl) ? Task.CompletedTask : WriteBodyAsync(context, contentType, body);

    /// <summary>An OpenAPI document: compressed for who takes that, under the same ETag, as upstream (contract O8).</summary>
    public static Task WriteAsync(HttpContext context, string contentType, OpenApiDocument document, string? cacheControl)
    {
        if (IsKnown(context, document.Hash, cacheControl))
        {
            return Task.CompletedTask;
        }

        HttpResponse response = context.Response;
        response.Headers.Append("Vary", "Accept-Encoding");
        if (!Gzip.IsTaken(context))
        {
            return WriteBodyAsync(context, contentType, document.Utf8);
        }

        response.Headers.ContentEncoding = "gzip";
        return WriteBodyAsync(context, contentType, document.Gzip);
    }

    private static bool IsKnown(HttpContext context, string hash, string? cacheControl)
    {
        HttpResponse response = context.Response;
        string etag = "\"" + hash + "\"";
        response.Headers.ETag = etag;
        response.Headers.Vary = "Accept";
        if (cacheControl is not null)
        {
            response.Headers.CacheControl = cacheControl;
        }

        if (!context.Request.Headers.IfNoneMatch.Contains(etag))
        {
            return false;
        }

        response.StatusCode = 304;
        return true;
    }

    private static async Task WriteBodyAsync(HttpContext context, string contentType, ReadOnlyMemory<byte> body)
    {
        context.Response.ContentType = contentType;
        context.Response.ContentLength = body.Length;
        await context.Response.Body.WriteAsync(body, context.RequestAborted);
    }
}
