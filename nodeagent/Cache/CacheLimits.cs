namespace AiModels.NodeAgent.Cache;

/// <summary>How full the cache may be, in bytes.</summary>
/// <param name="Capacity">Never more than this, what is still being fetched included.</param>
/// <param name="High">Above this, models that nothing mounts go …</param>
/// <param name="Low">… until this is reached: so that a full cache does not evict for every new model.</param>
internal sealed record CacheLimits(long Capacity, long High, long Low)
{
    // What a disk keeps for its own books (ext4: 5 % for root), so that a cache as large as its disk meets its own limit before the disk's.
    private const double UsableShareOfDisk = 0.95;

    /// <summary>The options' limits, on a disk of this size.</summary>
    public static CacheLimits Of(ServeOptions options, long diskBytes)
    {
        long capacity = Math.Min(options.Capacity, (long)(diskBytes * UsableShareOfDisk));
        return new CacheLimits(capacity, Percent(capacity, options.HighWatermark), Percent(capacity, options.LowWatermark));
    }

    /// <summary>What is left of the limits beside so many bytes that nothing can evict.</summary>
    public CacheLimits Beside(long bytes) => new(Capacity - bytes, High - bytes, Low - bytes);

    private static long Percent(long capacity, int percent) => (long)(capacity * (percent / 100.0));
}
