using System.Globalization;
using System.Text;

namespace AiModels.ApiMachinery.Admission.Cel;

internal enum CelTokenKind
{
    End,
    Identifier,
    Literal,
    Operator,
}

/// <summary>A piece of an expression.</summary>
/// <param name="Text">Identifier or operator.</param>
/// <param name="Value">Of a literal.</param>
internal readonly record struct CelToken(CelTokenKind Kind, string Text, object? Value, int Position);

/// <summary>Takes an expression apart.</summary>
internal static class CelLexer
{
    // As upstream's limit for stored expressions.
    private const int LongestExpression = 16 * 1024;
    private static readonly string[] Operators =
        ["||", "&&", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", ".", ",", "(", ")", "[", "]", "{", "}"];

    public static List<CelToken> Read(string text)
    {
        if (text.Length > LongestExpression)
        {
            throw new CelException($"expression code point size exceeds limit: size: {text.Length}, limit {LongestExpression}");
        }

        List<CelToken> tokens = [];
        int at = 0;
        while (true)
        {
            while (at < text.Length && (char.IsWhiteSpace(text[at]) || text.AsSpan(at).StartsWith("//", StringComparison.Ordinal)))
            {
                at = text[at] == '/' ? EndOfLine(text, at) : at + 1;
            }

            if (at >= text.Length)
            {
                tokens.Add(new CelToken(CelTokenKind.End, "", null, at));
                return tokens;
            }

            tokens.Add(Next(text, ref at));
        }
    }

    private static int EndOfLine(string text, int at) => text.IndexOf('\n', at) is var end and >= 0 ? end + 1 : text.Length;

    private static CelToken Next(string text, ref int at)
    {
        int start = at;
        char first = text[at];
        bool isRaw = first is 'r' or 'R' && at + 1 < text.Length && text[at + 1] is '\'' or '"';
        if (isRaw || first is '\'' or '"')
        {
            at += isRaw ? 1 : 0;
            return new CelToken(CelTokenKind.Literal, "", Quoted(text, ref at, isRaw), start);
        }

        if (char.IsAsciiDigit(first) || (first == '.' && at + 1 < text.Length && char.IsAsciiDigit(text[at + 1])))
        {
            return new CelToken(CelTokenKind.Literal, "", Number(text, ref at), start);
        }

        if (char.IsAsciiLetter(first) || first == '_')
        {
            while (at < text.Length && (char.IsAsciiLetterOrDigit(text[at]) || text[at] == '_'))
            {
                at++;
            }

            string word = text[start..at];
            return word switch
            {
                "true" => new CelToken(CelTokenKind.Literal, "", true, start),
                "false" => new CelToken(CelTokenKind.Literal, "", false, start),
                "null" => new CelToken(CelTokenKind.Literal, "", null, start),
                "in" => new CelToken(CelTokenKind.Operator, "in", null, start),
                _ => new CelToken(CelTokenKind.Identifier, word, null, start),
            };
        }

        foreach (string known in Operators)
        {
            if (text.AsSpan(at).StartsWith(known, StringComparison.Ordinal))
            {
                at += known.Length;
                return new CelToken(CelTokenKind.Operator, known, null, start);
            }
        }

        throw new CelException($"Syntax error: token recognition error at: '{first}' (position {start})");
    }

    private static object Number(string text, ref int at)
    {
        int start = at;
        if (text.AsSpan(at).StartsWith("0x", StringComparison.OrdinalIgnoreCase))
        {
            for (at += 2; at < text.Length && char.IsAsciiHexDigit(text[at]); at++)
            {
            }

            return long.TryParse(text.AsSpan(start + 2, at - start - 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out long hex)
                ? hex : throw new CelException($"invalid int literal (position {start})");
        }

        bool isDouble = false;
        while (at < text.Length && (char.IsAsciiDigit(text[at]) || text[at] is '.' or 'e' or 'E' || (text[at] is '+' or '-' && text[at - 1] is 'e' or 'E')))
        {
            isDouble |= !char.IsAsciiDigit(text[at]);
            at++;
        }

        ReadOnlySpan<char> digits = text.AsSpan(start, at - start);
        if (isDouble)
        {
            return double.TryParse(digits, CultureInfo.InvariantCulture, out double real) ? real : throw new CelException($"invalid double literal (position {start})");
        }

        return long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out long whole) ? whole : throw new CelException($"invalid int literal (position {start})");
    }

    private static string Quoted(string text, ref int at, bool isRaw)
    {
        int start = at;
        char quote = text[at];
        string end = text.AsSpan(at).StartsWith(new string(quote, 3), StringComparison.Ordinal) ? new string(quote, 3) : quote.ToString();
        at += end.Length;
        var value = new StringBuilder();
        while (at < text.Length)
        {
            if (text.AsSpan(at).StartsWith(end, StringComparison.Ordinal))
            {
                at += end.Length;
                return value.ToString();
            }

            if (text[at] == '\\' && !isRaw)
            {
                at++;
                value.Append(Escape(text, ref at));
            }
            else
            {
                value.Append(text[at++]);
            }
        }

        throw new CelException($"Syntax error: string is not closed (position {start})");
    }

    private static string Escape(string text, ref int at)
    {
        char letter = at < text.Length ? text[at++] : '\0';
        int digits = letter switch { 'x' or 'X' => 2, 'u' => 4, 'U' => 8, _ => 0 };
        if (digits > 0)
        {
            if (at + digits > text.Length || !int.TryParse(text.AsSpan(at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int code) || !Rune.IsValid(code))
            {
                throw new CelException($"Syntax error: invalid escape sequence (position {at})");
            }

            at += digits;
            return char.ConvertFromUtf32(code);
        }

        return letter switch
        {
            'n' => "\n",
            't' => "\t",
            'r' => "\r",
            'a' => "\a",
            'b' => "\b",
            'f' => "\f",
            'v' => "\v",
            '\\' or '\'' or '"' or '`' or '?' => letter.ToString(),
            _ => throw new CelException($"Syntax error: invalid escape sequence (position {at})"),
        };
    }
}
