using System.Net.Http.Headers;

namespace AiModels.ApiServer.Uploads;

/// <summary>Content-Range of a PUT (RFC 9110, 14.4): the body is the file from an offset to its end.</summary>
internal sealed record UploadRange(long Offset, long Length)
{
    /// <summary>Null without the header. 400 for a range that does not reach to the end of a file of known length.</summary>
    public static UploadRange? Of(HttpRequest request)
    {
        string? text = request.Headers.ContentRange;
        if (text is null)
        {
            return null;
        }

        bool isRest = ContentRangeHeaderValue.TryParse(text, out ContentRangeHeaderValue? range)
            && range is { Unit: "bytes", From: not null, To: not null, Length: not null }
            && range.To == range.Length - 1
            && (request.ContentLength is null || request.ContentLength == range.Length - range.From);
        return isRest
            ? new UploadRange(range!.From!.Value, range.Length!.Value)
            : throw UploadErrors.Bad($"Content-Range is '{text}': want 'bytes OFFSET-LAST/LENGTH' to the end of the file, and as many bytes in the body");
    }
}
