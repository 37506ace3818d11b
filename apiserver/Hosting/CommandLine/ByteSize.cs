using System.Globalization;
using System.Text.RegularExpressions;

namespace AiModels.Hosting.CommandLine;

/// <summary>Counts of bytes as people write them: 512, 512MiB, 200Gi, 1GB.</summary>
public static partial class ByteSize
{
    private static readonly Dictionary<string, long> ByteUnits = new(StringComparer.OrdinalIgnoreCase)
    {
        [""] = 1,
        ["B"] = 1,
        ["KB"] = 1_000,
        ["MB"] = 1_000_000,
        ["GB"] = 1_000_000_000,
        ["TB"] = 1_000_000_000_000,
        ["K"] = 1L << 10,
        ["M"] = 1L << 20,
        ["G"] = 1L << 30,
        ["T"] = 1L << 40,
        ["Ki"] = 1L << 10,
        ["Mi"] = 1L << 20,
        ["Gi"] = 1L << 30,
        ["Ti"] = 1L << 40,
        ["KiB"] = 1L << 10,
        ["MiB"] = 1L << 20,
        ["GiB"] = 1L << 30,
        ["TiB"] = 1L << 40,
    };

    /// <summary>Reads a count of bytes; false for anything else and for more than a long holds.</summary>
    public static bool TryParse(string text, out long bytes)
    {
        bytes = 0;
        Match match = Pattern().Match(text);
        if (!match.Success || !ByteUnits.TryGetValue(match.Groups[2].Value, out long unit)
            || !long.TryParse(match.Groups[1].Value, NumberStyles.None, CultureInfo.InvariantCulture, out long count) || count > long.MaxValue / unit)
        {
            return false;
        }

        bytes = count * unit;
        return true;
    }

    /// <summary>For people: two digits at most behind the point, rounded up, so that what is short is never told as nothing: 12 GiB, 1.5 MiB, 64 B.</summary>
    public static string Approximate(long bytes)
    {
        (string unit, int shift) = bytes switch
        {
            >= 1L << 40 => ("TiB", 40),
            >= 1L << 30 => ("GiB", 30),
            >= 1L << 20 => ("MiB", 20),
            >= 1L << 10 => ("KiB", 10),
            _ => ("B", 0),
        };
        decimal value = Math.Ceiling(bytes / (decimal)(1L << shift) * 100) / 100;
        return string.Create(CultureInfo.InvariantCulture, $"{value:0.##} {unit}");
    }

    [GeneratedRegex(@"^(\d+)\s*([A-Za-z]*)$")]
    private static partial Regex Pattern();
}
