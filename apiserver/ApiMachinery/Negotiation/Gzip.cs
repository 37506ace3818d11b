using System.IO.Compression;
using Microsoft.AspNetCore.Http;

namespace AiModels.ApiMachinery.Negotiation;

/// <summary>Compresses large answers for clients that take it; never watches, whose events would wait in the compressor (contract N13).</summary>
internal static class Gzip
{
    /// <summary>Bytes from which an answer is worth compressing; upstream's number.</summary>
    public const int From = 128 * 1024;

    public static bool IsTaken(HttpContext context) =>
        context.Request.Headers.AcceptEncoding.ToString().Contains("gzip", StringComparison.OrdinalIgnoreCase);

    /// <summary>Tells the client, and gives the stream to write to; it must be disposed before the answer ends.</summary>
    public static Stream Open(HttpResponse response)
    {
        response.Headers.ContentEncoding = "gzip";
        response.Headers.Vary = "Accept-Encoding";
        return new GZipStream(response.Body, CompressionLevel.Fastest, leaveOpen: true);
    }
}
