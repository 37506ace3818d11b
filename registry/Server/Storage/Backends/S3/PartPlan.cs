namespace AiModels.Registry.Storage.Backends.S3;

/// <summary>
/// How large the parts of an object are. S3 takes 10,000 parts of 5 MiB to 5 GiB: the size is the configured one as long as that is enough.
/// </summary>
internal static class PartPlan
{
    public const int MaxParts = 10_000;
    public const long MinPart = 5 * 1024 * 1024;
    public const long MaxPart = 5L * 1024 * 1024 * 1024;

    /// <summary>5 TiB: S3 takes no larger object.</summary>
    public const long MaxObject = 5L * 1024 * 1024 * 1024 * 1024;

    private const long MiB = 1024 * 1024;

    // Parts of one size before the next size, when the end is not known: ten sizes fit, together more than the 5 TiB an object may have.
    private const int PartsPerSize = 1000;

    /// <summary>Bytes of a part.</summary>
    /// <param name="number">Counted from 1.</param>
    /// <param name="length">Bytes of the object, or null when they are not known.</param>
    public static long SizeOf(int number, long? length, long partSize) => length is { } known
        ? Math.Max(partSize, ((known / MaxParts / MiB) + 1) * MiB)
        : partSize << ((number - 1) / PartsPerSize);
}
