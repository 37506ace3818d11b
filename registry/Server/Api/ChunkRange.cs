using System.Globalization;

namespace AiModels.Registry.Api;

/// <summary>Where a chunk of an upload goes: the specification's Content-Range, which is <c>START-END</c> without a unit.</summary>
/// <param name="Start">Where the client believes the chunk begins, or null when it does not say.</param>
/// <param name="Length">Bytes that it says it brings, or null.</param>
/// <param name="BodyLength">Bytes that the body has for certain, because HTTP itself ends it there; null when it ends where the client ends it.</param>
internal readonly record struct ChunkRange(long? Start, long? Length, long? BodyLength)
{
    /// <summary>Reads the headers of a PATCH or PUT.</summary>
    /// <exception cref="RegistryException">When the range is malformed or contradicts the Content-Length.</exception>
    public static ChunkRange Of(HttpRequest request)
    {
        if (request.Headers.ContentRange.Count == 0)
        {
            return new ChunkRange(null, request.ContentLength, request.ContentLength);
        }

        string text = request.Headers.ContentRange.ToString();
        int dash = text.IndexOf('-');
        if (dash < 0 || !TryParse(text.AsSpan(0, dash), out long start) || !TryParse(text.AsSpan(dash + 1), out long end) || end < start || end == long.MaxValue)
        {
            throw new RegistryException(RegistryError.BlobUploadInvalid, $"Content-Range: '{text}' is not START-END.");
        }

        var range = new ChunkRange(start, end - start + 1, request.ContentLength);
        if (request.ContentLength is { } announced)
        {
            range.RequireLength(announced);
        }

        return range;
    }

    /// <summary>Checks how many bytes there are in truth.</summary>
    /// <exception cref="RegistryException">SIZE_INVALID.</exception>
    public void RequireLength(long actual)
    {
        if (Length is { } expected && actual != expected)
        {
            throw new RegistryException(RegistryError.SizeInvalid, $"The chunk is announced with {expected} bytes and has {actual}.");
        }
    }

    private static bool TryParse(ReadOnlySpan<char> text, out long value) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
}
