using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace AiModels.ApiMachinery.OpenApi;

/// <summary>A published OpenAPI document: encoded once, served as it is.</summary>
/// <param name="Utf8">The JSON text.</param>
/// <param name="Hash">Upper-case SHA-512 of it: the ETag (in quotes) and the ?hash= of /openapi/v3 (contract O3, O9).</param>
public sealed record OpenApiDocument(ReadOnlyMemory<byte> Utf8, string Hash)
{
    private static readonly JsonSerializerOptions Encoding = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private readonly Lazy<ReadOnlyMemory<byte>> _gzip = new(() => Compress(Utf8.Span));

    /// <summary>The same, compressed (contract O8).</summary>
    internal ReadOnlyMemory<byte> Gzip => _gzip.Value;

    internal static OpenApiDocument Encode(JsonObject document)
    {
        byte[] utf8 = JsonSerializer.SerializeToUtf8Bytes(document, Encoding);
        return new OpenApiDocument(utf8, Convert.ToHexString(SHA512.HashData(utf8)));
    }

    private static ReadOnlyMemory<byte> Compress(ReadOnlySpan<byte> utf8)
    {
        var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Optimal))
        {
            gzip.Write(utf8);
        }

        return compressed.ToArray();
    }
}
