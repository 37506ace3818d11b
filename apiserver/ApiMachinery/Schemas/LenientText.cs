using System.Globalization;
using System.Text;

namespace AiModels.ApiMachinery.Schemas;

/// <summary>
/// Text as Go reads it: what is no UTF-8, and halves of surrogate pairs in escapes, become U+FFFD instead of an error. Objects that other servers took must
/// not be refused here.
/// </summary>
internal static class LenientText
{
    private const string Replacement = @"\ufffd";
    private const int EscapeLength = 6;

    /// <summary>JSON with those replaced.</summary>
    public static byte[] Repair(ReadOnlySpan<byte> json)
    {
        string text = Encoding.UTF8.GetString(json);
        var repaired = new StringBuilder(text.Length);
        int at = 0;
        while (at < text.Length)
        {
            if (text[at] != '\\' || at + 1 == text.Length)
            {
                repaired.Append(text[at++]);
            }
            else if (UnitAt(text, at) is not { } unit || !char.IsSurrogate(unit))
            {
                repaired.Append(text, at, 2);
                at += 2;
            }
            else if (char.IsHighSurrogate(unit) && UnitAt(text, at + EscapeLength) is { } low && char.IsLowSurrogate(low))
            {
                repaired.Append(text, at, 2 * EscapeLength);
                at += 2 * EscapeLength;
            }
            else
            {
                repaired.Append(Replacement);
                at += EscapeLength;
            }
        }

        return Encoding.UTF8.GetBytes(repaired.ToString());
    }

    // The UTF-16 unit of an escape \uXXXX; null when there is none.
    private static char? UnitAt(string text, int at) =>
        at + EscapeLength <= text.Length && text[at] == '\\' && text[at + 1] == 'u'
        && ushort.TryParse(text.AsSpan(at + 2, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ushort unit)
            ? (char)unit
            : null;
}
