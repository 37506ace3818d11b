using System.Globalization;
using System.Text;

namespace AiModels.ApiServer.Uploads;

/// <summary>Headers of the tus resumable upload protocol 1.0.0 (https://tus.io/protocols/resumable-upload).</summary>
internal static class TusProtocol
{
    public const string Version = "1.0.0";
    public const string ContentType = "application/offset+octet-stream";
    private const string Extensions = "creation,creation-defer-length,checksum,expiration,termination";
    private const string VersionHeader = "Tus-Resumable";
    private const string SupportedHeader = "Tus-Version";
    private const string OffsetHeader = "Upload-Offset";
    private const string LengthHeader = "Upload-Length";
    private const string DeferHeader = "Upload-Defer-Length";
    private const string MetadataHeader = "Upload-Metadata";

    /// <summary>Whether the client speaks tus. Other versions than ours were refused before.</summary>
    public static bool IsSpokenBy(HttpRequest request) => request.Headers.ContainsKey(VersionHeader);

    /// <summary>The error of a client that speaks another version, or null.</summary>
    public static ApiMachinery.Errors.ApiException? RefusalOf(HttpRequest request) =>
        (string?)request.Headers[VersionHeader] is { } version && version != Version ? UploadErrors.WrongTusVersion(version) : null;

    /// <summary>Marks an answer as one of this protocol: every answer is, errors too.</summary>
    public static void Mark(HttpResponse response) => response.Headers[VersionHeader] = Version;

    /// <summary>Goes with a refusal of the client's version.</summary>
    public static void TellVersion(HttpResponse response) => response.Headers[SupportedHeader] = Version;

    /// <summary>What OPTIONS answers: the abilities of the server.</summary>
    public static void TellAbilities(HttpResponse response, long maximumLength)
    {
        TellVersion(response);
        response.Headers["Tus-Extension"] = Extensions;
        response.Headers["Tus-Max-Size"] = Text(maximumLength);
        response.Headers["Tus-Checksum-Algorithm"] = string.Join(',', UploadChecksum.Algorithms);
    }

    /// <summary>Upload-Offset of a PATCH.</summary>
    public static long RequiredOffset(HttpRequest request) => Number(request, OffsetHeader) ?? throw UploadErrors.Bad($"{OffsetHeader} is missing");

    /// <summary>Upload-Length, when the client says it.</summary>
    public static long? Length(HttpRequest request) => Number(request, LengthHeader);

    /// <summary>The length that creation announces; null when the client says that it will come later. One of the two must be said.</summary>
    public static long? AnnouncedLength(HttpRequest request)
    {
        long? length = Length(request);
        return ((string?)request.Headers[DeferHeader], length) switch
        {
            (null, not null) => length,
            (null, null) => throw UploadErrors.Bad($"{LengthHeader} is missing: send it, or '{DeferHeader}: 1' when the length is not known yet"),
            ("1", null) => null,
            ("1", not null) => throw UploadErrors.Bad($"{LengthHeader} and {DeferHeader} are both given: send one of them"),
            (var other, _) => throw UploadErrors.Bad($"{DeferHeader} is '{other}': want 1"),
        };
    }

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

    /// <summary>What an answer about an upload says of its state in headers.</summary>
    public static void Describe(HttpResponse response, long offset, long? length, DateTimeOffset? expiresAt)
    {
        response.Headers[OffsetHeader] = Text(offset);
        response.Headers.CacheControl = "no-store";
        if (length is { } known)
        {
            response.Headers[LengthHeader] = Text(known);
        }
        else
        {
            response.Headers[DeferHeader] = "1";
        }

        if (expiresAt is { } at)
        {
            response.Headers["Upload-Expires"] = at.ToString("R", CultureInfo.InvariantCulture);
        }
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

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
