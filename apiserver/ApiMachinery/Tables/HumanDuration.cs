using System.Globalization;
using System.Text.Json.Nodes;

namespace AiModels.ApiMachinery.Tables;

/// <summary>Durations as kubectl prints them (k8s.io/apimachinery/pkg/util/duration.HumanDuration): at most two units, coarser with age.</summary>
public static class HumanDuration
{
    /// <summary>Age of an RFC 3339 timestamp node; <c>&lt;unknown&gt;</c> when there is none.</summary>
    public static JsonNode Since(JsonNode? timestamp, DateTimeOffset now) =>
        timestamp is JsonValue value && DateTimeOffset.TryParse(value.ToString(), CultureInfo.InvariantCulture, out DateTimeOffset at)
            ? Format(now - at)
            : "<unknown>";

    /// <summary>The duration in words: 90s, 3m20s, 4h, 2d3h, 400d, 2y35d.</summary>
    public static string Format(TimeSpan duration)
    {
        long seconds = (long)duration.TotalSeconds;
        if (seconds < -1)
        {
            return "<invalid>";
        }

        if (seconds < 120)
        {
            return $"{Math.Max(0, seconds)}s";
        }

        long minutes = seconds / 60, hours = minutes / 60, days = hours / 24, years = days / 365;
        return minutes < 10 ? Two(minutes, "m", seconds % 60, "s")
            : minutes < 180 ? $"{minutes}m"
            : hours < 8 ? Two(hours, "h", minutes % 60, "m")
            : hours < 48 ? $"{hours}h"
            : hours < 192 ? Two(days, "d", hours % 24, "h")
            : hours < 24 * 365 * 2 ? $"{days}d"
            : hours < 24 * 365 * 8 ? Two(years, "y", days % 365, "d")
            : $"{years}y";
    }

    private static string Two(long major, string majorUnit, long minor, string minorUnit) =>
        minor == 0 ? $"{major}{majorUnit}" : $"{major}{majorUnit}{minor}{minorUnit}";
}
