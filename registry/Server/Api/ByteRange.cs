using System.Globalization;

namespace AiModels.Registry.Api;

/// <summary>The part of a blob that a request asks for (RFC 9110, section 14).</summary>
/// <param name="Offset">First byte.</param>
/// <param name="Length">Bytes.</param>
/// <param name="IsPartial">Whether the answer is a 206.</param>
internal readonly record struct ByteRange(long Offset, long Length, bool IsPartial)
{
    private const string Unit = "bytes=";

    /// <summary>
    /// Reads Range and If-Range. What is not one range of bytes is ignored, as the RFC asks: the whole blob is a right answer to every request.
    /// </summary>
    /// <exception cref="RegistryException">416 when the range is empty or lies behind the end.</exception>
    public static ByteRange Of(HttpRequest request, long total, string entityTag)
    {
        var whole = new ByteRange(0, total, false);
        string header = request.Headers.Range.ToString();
        bool isAsked = HttpMethods.IsGet(request.Method) && header.StartsWith(Unit, StringComparison.OrdinalIgnoreCase) && !header.Contains(',', StringComparison.Ordinal);
        bool isStale = request.Headers.IfRange.Count > 0 && request.Headers.IfRange.ToString() != entityTag;
        if (!isAsked || isStale || !TryParse(header.AsSpan(Unit.Length).Trim(), out long? first, out long? last))
        {
            return whole;
        }

        (long from, long to) = (first, last) switch
        {
            ({ } start, { } end) => (start, Math.Min(end, total - 1)),
            ({ } start, null) => (start, total - 1),
            _ => (last == 0 ? total : Math.Max(0, total - last!.Value), total - 1),
        };

        return from < total && from <= to
            ? new ByteRange(from, to - from + 1, true)
            : throw new RegistryException(RegistryError.RangeNotSatisfiable, $"The range lies outside of the blob, which has {total} bytes.") { Headers = [new("Content-Range", $"bytes */{total}")] };
    }

    /// <summary>FIRST-LAST, FIRST- or -LENGTH.</summary>
    private static bool TryParse(ReadOnlySpan<char> text, out long? first, out long? last)
    {
        (first, last) = (null, null);
        int dash = text.IndexOf('-');
        if (dash < 0 || text.Length == 1)
        {
            return false;
        }

        return TryParse(text[..dash], ref first) && TryParse(text[(dash + 1)..], ref last);
    }

    private static bool TryParse(ReadOnlySpan<char> text, ref long? value)
    {
        if (text.IsEmpty)
        {
            return true;
        }

        // A number that no blob reaches lies behind the end of every one.
        bool isNumber = UInt128.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out UInt128 number);
        value = (long)UInt128.Min(number, long.MaxValue);
        return isNumber;
    }
}
