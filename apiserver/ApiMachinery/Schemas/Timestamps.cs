using System.Globalization;

namespace AiModels.ApiMachinery.Schemas;

/// <summary>Times as the API spells them.</summary>
internal static class Timestamps
{
    private static readonly string[] Formats = ["yyyy-MM-ddTHH:mm:ssK", "yyyy-MM-ddTHH:mm:ss.FFFFFFFK"];

    /// <summary>RFC 3339 with an offset: 2026-01-02T03:04:05Z, 2026-01-02T03:04:05.123+02:00.</summary>
    public static bool IsRfc3339(string text) =>
        text.Length >= 20 && text.Length <= 40 && (text[^1] == 'Z' || text[^6] is '+' or '-')
        && DateTimeOffset.TryParseExact(Shorten(text), Formats, CultureInfo.InvariantCulture, DateTimeStyles.None, out _);

    /// <summary>metav1.Time: UTC with whole seconds.</summary>
    public static string Format(DateTimeOffset time) => time.ToUniversalTime().ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);

    /// <summary>Go accepts up to nine decimals (and MicroTime sends six); .NET reads seven.</summary>
    private static string Shorten(string text)
    {
        int dot = text.IndexOf('.');
        int end = dot + 1;
        while (dot >= 0 && end < text.Length && char.IsAsciiDigit(text[end]))
        {
            end++;
        }

        return dot >= 0 && end - dot - 1 > 7 ? text[..(dot + 8)] + text[end..] : text;
    }
}
