using System.Globalization;

namespace AiModels.Registry.Capacity;

/// <summary>Counts of bytes in messages: short enough to read, exact enough to act on.</summary>
internal static class ByteText
{
    private static readonly string[] Units = ["KiB", "MiB", "GiB", "TiB", "PiB"];

    /// <summary><c>1536 bytes (1.5 KiB)</c>.</summary>
    public static string Of(long bytes)
    {
        double value = bytes;
        int unit = -1;
        while (Math.Abs(value) >= 1024 && unit < Units.Length - 1)
        {
            value /= 1024;
            unit++;
        }

        return unit < 0 ? $"{bytes} bytes" : string.Create(CultureInfo.InvariantCulture, $"{bytes} bytes ({value:0.#} {Units[unit]})");
    }
}
