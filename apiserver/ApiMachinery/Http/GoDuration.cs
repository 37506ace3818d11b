using System.Buffers;
using System.Globalization;
using AiModels.ApiMachinery.Validation;

namespace AiModels.ApiMachinery.Http;

/// <summary>Durations as Go writes them: 300ms, 1.5h, 1m30s, 0.</summary>
public static class GoDuration
{
    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789.");

    /// <summary>Units in seconds.</summary>
    private static readonly Dictionary<string, double> Units = new()
    {
        ["ns"] = 1e-9,
        ["us"] = 1e-6,
        ["µs"] = 1e-6,
        ["ms"] = 1e-3,
        ["s"] = 1,
        ["m"] = 60,
        ["h"] = 3600,
    };

    /// <summary>Why a text is no duration, as Go's time.ParseDuration says it.</summary>
    public static string Problem(string text)
    {
        ReadOnlySpan<char> rest = text.AsSpan().TrimStart("+-");
        while (rest.IndexOfAnyExcept(Digits) is > 0 and int digits)
        {
            int letters = rest[digits..].IndexOfAny(Digits);
            string unit = (letters < 0 ? rest[digits..] : rest.Slice(digits, letters)).ToString();
            if (!Units.ContainsKey(unit))
            {
                return $"time: unknown unit {FieldError.Quote(unit)} in duration {FieldError.Quote(text)}";
            }

            rest = rest[(digits + unit.Length)..];
        }

        bool lacksUnit = rest.Length > 0 && !rest.ContainsAnyExcept(Digits) && rest.ContainsAnyInRange('0', '9');
        return $"time: {(lacksUnit ? "missing unit in" : "invalid")} duration {FieldError.Quote(text)}";
    }

    public static bool TryParse(string text, out TimeSpan duration)
    {
        duration = TimeSpan.Zero;
        ReadOnlySpan<char> rest = text.AsSpan();
        bool isNegative = rest.StartsWith("-");
        rest = rest.TrimStart("+-");
        if (rest is "0")
        {
            return true;
        }

        if (rest.IsEmpty)
        {
            return false;
        }

        double seconds = 0;
        while (!rest.IsEmpty)
        {
            int digits = rest.IndexOfAnyExcept(Digits);
            if (digits <= 0 || !double.TryParse(rest[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number))
            {
                return false;
            }

            rest = rest[digits..];
            int letters = rest.IndexOfAny(Digits);
            ReadOnlySpan<char> unit = letters < 0 ? rest : rest[..letters];
            if (!Units.TryGetValue(unit.ToString(), out double scale))
            {
                return false;
            }

            seconds += number * scale;
            rest = rest[unit.Length..];
        }

        if (seconds > TimeSpan.MaxValue.TotalSeconds)
        {
            return false;
        }

        duration = TimeSpan.FromSeconds(isNegative ? -seconds : seconds);
        return true;
    }
}
