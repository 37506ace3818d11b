using System.Globalization;
using System.Text;

namespace AiModels.ApiServer.Uploads;

/// <summary>Headers of the tus resumable upload protocol 1.0.0 (https://tus.io/protocols/resumable-upload) with the extensions creation, creation-defer-length, expiration and termination.</summary>
internal static class TusProtocol
{
    public const string Version = "1.0.0";
    public const string ContentType = "application/offset+octet-stream";
    private const string VersionHeader = "Tus-Resumable";
    private const string OffsetHeader = "Upload-Offset";
    private const string LengthHeader = "Upload-Length";
    private const string MetadataHeader = "Upload-Metadata";

    /// <summary>Whether the client speaks tus. Throws for another version than ours.</summary>
    public static bool IsSpokenBy(HttpRequest request)
    {
        string? version = request.Headers[VersionHeader];
        if (version is not (null or Version))
        {
            request.HttpContext.Response.Headers["Tus-Version"] = Version;
            throw UploadErrors.WrongTusVersion(version);
        }

        return version is not null;
    }

    /// <summary>Upload-Offset of a PATCH.</summary>
    public static long RequiredOffset(HttpRequest request) => Number(request, OffsetHeader) ?? throw UploadErrors.Bad($"{OffsetHeader} is missing");

    /// <summary>Upload-Length, when the client says it.</summary>
    public static long? Length(HttpRequest request) => Number(request, LengthHeader);

    /// <summary>The value of <c>filename</c> (or <c>name</c>) in Upload-Metadata: comma-separated pairs of a key and a base64 value.</summary>
    public static string? FileName(HttpRequest request)
    {
        foreach (string pair in ((string?)request.Headers[MetadataHeader] ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = pair.Split(' ', 2);
            if (parts is [("filename" or "name"), var value])
            {
                return Decode(value);
            }
        }

        return null;
    }

    /// <summary>What every answer about an upload says in headers.</summary>
    public static void Describe(HttpResponse response, long offset, long? length, DateTimeOffset? expiresAt)
    {
        response.Headers[VersionHeader] = Version;
        response.Headers[OffsetHeader] = offset.ToString(CultureInfo.InvariantCulture);
        response.Headers.CacheControl = "no-store";
        if (length is { } known)
        {
            response.Headers[LengthHeader] = known.ToString(CultureInfo.InvariantCulture);
        }
        else
        {
            response.Headers["Upload-Defer-Length"] = "1";
        }

        if (expiresAt is { } at)
        {
            response.Headers["Upload-Expires"] = at.ToString("R", CultureInfo.InvariantCulture);
        }
    }

    private static long? Number(HttpRequest request, string header) => (string?)request.Headers[header] switch
    {
        null => null,
        var text when long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) => number,
        var text => throw UploadErrors.Bad($"{header} is '{text}': want a whole number of bytes"),
    };

    private static string Decode(string base64)
    {
        try
        {
            return Encoding.UTF8.GetString(Convert.FromBase64String(base64));
        }
        catch (FormatException)
        {
            throw UploadErrors.Bad($"{MetadataHeader}: '{base64}' is not base64");
        }
    }
}
