namespace AiModels.Controllers.Delivery.SharedPvc;

/// <summary>How large a shared claim must be for its models (requirement Q7: logical bytes plus headroom).</summary>
internal static class ClaimSize
{
    private const long Mebibyte = 1024 * 1024;

    // File systems keep 3-6 % for themselves (ext4: 5 % reserved blocks and its inode tables).
    private const double Overhead = 1.08;

    // Journals and metadata of a small file system; also the least that common provisioners take.
    private const long Least = 128 * Mebibyte;

    public static long For(IEnumerable<long> modelBytes)
    {
        double bytes = Math.Max(Least, (modelBytes.Sum() * Overhead) + (64 * Mebibyte));
        return (long)Math.Ceiling(bytes / Mebibyte) * Mebibyte;
    }

    /// <summary>As a Kubernetes quantity in MiB.</summary>
    public static string Format(long bytes) => $"{bytes / Mebibyte}Mi";

    /// <summary>Reads a quantity (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/); null when it is none.</summary>
    public static long? Parse(string? quantity)
    {
        if (string.IsNullOrEmpty(quantity))
        {
            return null;
        }

        int digits = quantity.TakeWhile(c => char.IsAsciiDigit(c) || c == '.').Count();
        double factor = quantity[digits..] switch
        {
            "" => 1,
            "k" => 1e3,
            "M" => 1e6,
            "G" => 1e9,
            "T" => 1e12,
            "P" => 1e15,
            "Ki" => 1024,
            "Mi" => Mebibyte,
            "Gi" => 1024.0 * Mebibyte,
            "Ti" => 1024.0 * 1024 * Mebibyte,
            "Pi" => 1024.0 * 1024 * 1024 * Mebibyte,
            _ => double.NaN,
        };
        return double.TryParse(quantity[..digits], out double number) && !double.IsNaN(factor) ? (long)(number * factor) : null;
    }
}
