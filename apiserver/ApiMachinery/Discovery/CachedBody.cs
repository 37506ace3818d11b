using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;

namespace AiModels.ApiMachinery.Discovery;

/// <summary>A document with an ETag: 304 without a body to who has it already (contract D12, O3).</summary>
internal static class CachedBody
{
    /// <summary>Upper-case hex SHA-512, as upstream hashes its documents.</summary>
    public static string HashOf(ReadOnlySpan<byte> body) => Convert.ToHexString(SHA512.HashData(body));

    public static async Task WriteAsync(HttpContext context, string contentType, ReadOnlyMemory<byte> body, string? cacheControl, string? hash = null)
    {
        HttpResponse response = context.Response;
        string etag = "\"" + (hash ?? HashOf(body.Span)) + "\"";
        response.Headers.ETag = etag;
        response.Headers.Vary = "Accept";
        if (cacheControl is not null)
        {
            response.Headers.CacheControl = cacheControl;
        }

        if (context.Request.Headers.IfNoneMatch.Contains(etag))
        {
            response.StatusCode = 304;
            return;
        }

        response.ContentType = contentType;
        response.ContentLength = body.Length;
        await response.Body.WriteAsync(body, context.RequestAborted);
    }
}
