using System.Globalization;

namespace AiModels.ApiServer.Resources;

/// <summary>Numbers for people, in tables.</summary>
internal static class HumanQuantity
{
    private static readonly string[] Binary = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    private static readonly string[] Decimal = ["", "K", "M", "B", "T"];

    /// <summary>Bytes with binary units and at most one decimal: 4.4Gi, 512Mi, 17.</summary>
    public static string Bytes(long count) => Scale(count, 1024, Binary);

    /// <summary>A share in whole percent, rounded down; null when it cannot be told.</summary>
    public static string? Share(long? part, long? whole) => whole > 0 && part is { } count ? $"{Math.Min(100, (long)(count * 100m / whole.Value))}%" : null;

    /// <summary>Parameters as model cards write them: 7.6B, 568M.</summary>
    public static string Parameters(long count) => Scale(count, 1000, Decimal);

    private static string Scale(double value, double step, string[] units)
    {
        int unit = 0;

        // Rounding must not give 1024Mi where 1Gi is meant.
        while (unit < units.Length - 1 && Math.Round(value, value < 10 ? 1 : 0) >= step)
        {
            value /= step;
            unit++;
        }

        return value.ToString(value < 10 && unit > 0 ? "0.#" : "0", CultureInfo.InvariantCulture) + units[unit];
    }
}
