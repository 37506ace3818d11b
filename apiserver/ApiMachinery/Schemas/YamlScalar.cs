using System.Globalization;
using System.Text.Json.Nodes;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace AiModels.ApiMachinery.Schemas;

/// <summary>What a plain YAML scalar means, by go-yaml v2's rules (YAML 1.1 with Kubernetes' habits: yes and off are booleans, 0o17 and 017 octal).</summary>
internal static class YamlScalar
{
    public static JsonNode? ToJson(Scalar scalar)
    {
        string text = scalar.Value;
        bool isText = scalar.Style != ScalarStyle.Plain || (!scalar.Tag.IsEmpty && scalar.Tag.Value == "tag:yaml.org,2002:str");
        return isText ? JsonValue.Create(text) : Plain(text);
    }

    private static JsonNode? Plain(string text) => text switch
    {
        "" or "~" or "null" or "Null" or "NULL" => null,
        "true" or "True" or "TRUE" or "y" or "Y" or "yes" or "Yes" or "YES" or "on" or "On" or "ON" => JsonValue.Create(true),
        "false" or "False" or "FALSE" or "n" or "N" or "no" or "No" or "NO" or "off" or "Off" or "OFF" => JsonValue.Create(false),
        _ when NotInJson(text) is { } value => throw new DocumentFormatException("json: unsupported value: " + value),
        _ => MayBeNumber(text) ? Number(text) : JsonValue.Create(text),
    };

    /// <summary>The number that a plain scalar means and JSON cannot say, as Go prints it; null for any other.</summary>
    public static string? NotInJson(string text) => text switch
    {
        ".inf" or ".Inf" or ".INF" or "+.inf" or "+.Inf" or "+.INF" => "+Inf",
        "-.inf" or "-.Inf" or "-.INF" => "-Inf",
        ".nan" or ".NaN" or ".NAN" => "NaN",
        _ => null,
    };

    private static bool MayBeNumber(string text) => char.IsAsciiDigit(text[0]) || (text.Length > 1 && text[0] is '-' or '+' or '.');

    private static JsonValue Number(string text)
    {
        string plain = text.Replace("_", "", StringComparison.Ordinal);
        bool isNegative = plain[0] == '-';
        string digits = isNegative || plain[0] == '+' ? plain[1..] : plain;
        if (TryInteger(digits, out long integer))
        {
            return JsonValue.Create(isNegative ? -integer : integer);
        }

        const NumberStyles Style = NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        return digits.Length > 0 && (char.IsAsciiDigit(digits[0]) || digits[0] == '.') && !IsDate(digits)
            && double.TryParse(digits, Style, CultureInfo.InvariantCulture, out double real) && double.IsFinite(real)
            ? JsonValue.Create(isNegative ? -real : real)
            : JsonValue.Create(text);
    }

    private static bool TryInteger(string digits, out long value)
    {
        value = 0;
        if (digits.Length == 0 || !char.IsAsciiDigit(digits[0]))
        {
            return false;
        }

        if (digits.Length > 2 && digits[0] == '0' && digits[1] is 'x' or 'X')
        {
            return long.TryParse(digits.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value) && value >= 0;
        }

        if (digits.Length > 2 && digits[0] == '0' && digits[1] is 'b' or 'B')
        {
            return long.TryParse(digits.AsSpan(2), NumberStyles.AllowBinarySpecifier, CultureInfo.InvariantCulture, out value) && value >= 0;
        }

        if (digits.Length > 1 && digits[0] == '0')
        {
            return TryOctal(digits[1] is 'o' ? digits.AsSpan(2) : digits.AsSpan(1), out value);
        }

        return long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out value);
    }

    private static bool TryOctal(ReadOnlySpan<char> digits, out long value)
    {
        value = 0;
        foreach (char c in digits)
        {
            if (c is < '0' or > '7' || value > long.MaxValue >> 3)
            {
                return false;
            }

            value = (value << 3) | (long)(c - '0');
        }

        return digits.Length > 0;
    }

    private static bool IsDate(string digits) => digits.Contains('-') && !digits.Contains('e', StringComparison.OrdinalIgnoreCase);
}
