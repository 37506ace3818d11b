using System.Globalization;

namespace AiModels.Registry.Api;

/// <summary>Where a chunk of an upload goes: the specification's Content-Range, which is <c>START-END</c> without a unit.</summary>
internal static class ChunkRange
{
    /// <summary>Reads the header of a PATCH or PUT: where it begins and how many bytes it brings; null for what it does not say.</summary>
    /// <exception cref="RegistryException">When it is malformed or contradicts the Content-Length.</exception>
    public static (long? Start, long? Length) Of(HttpRequest request)
    {
        if (request.Headers.ContentRange.Count == 0)
        {
            return (null, request.ContentLength);
        }

        string text = request.Headers.ContentRange.ToString();
        int dash = text.IndexOf('-');
        if (dash < 0 || !TryParse(text.AsSpan(0, dash), out long start) || !TryParse(text.AsSpan(dash + 1), out long end) || end < start)
        {
            throw new RegistryException(RegistryError.BlobUploadInvalid, $"Content-Range: '{text}' is not START-END.");
        }

        long length = end - start + 1;
        return request.ContentLength is { } announced && announced != length
            ? throw new RegistryException(RegistryError.SizeInvalid, $"Content-Range {text} means {length} bytes, Content-Length says {announced}.")
            : (start, length);
    }

    private static bool TryParse(ReadOnlySpan<char> text, out long value) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
}
