using AiModels.NodeAgent.Authorization;

namespace AiModels.NodeAgent.Cache;

/// <summary>
/// Runs with the agent: drops leases of Pods that are gone (the driver could not tell us, or was killed), keeps the cache within its limits, and ends its downloads at the end.
/// </summary>
internal sealed partial class LeaseKeeper(
    NodeCache cache, IMountedModels mounts, IMountAuthorizer authorizer, TimeProvider time, ILogger<LeaseKeeper> logger)
    : PeriodicLook(Interval, Interval, time, logger)
{
    // A Pod must be missing at two looks in a row before its lease goes: kubelet may still be unmounting when the API has forgotten the Pod.
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(5);

    private HashSet<string> _missing = [];

    /// <summary>One look at all leases.</summary>
    public override async Task LookAsync(CancellationToken cancellationToken)
    {
        var missing = new HashSet<string>();
        HashSet<string?> mounted = [.. mounts.Find().Select(mount => mount.VolumeId)];
        foreach (Lease lease in cache.Leases())
        {
            if (mounted.Contains(lease.VolumeId) || !await IsGoneAsync(lease, cancellationToken))
            {
                continue;
            }

            if (_missing.Contains(lease.VolumeId))
            {
                Log.LeaseDropped(Logger, lease.VolumeId, lease.PodNamespace, lease.PodName);
                cache.Release(lease.VolumeId);
            }
            else
            {
                missing.Add(lease.VolumeId);
            }
        }

        _missing = missing;
        cache.Trim();
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await cache.StopAsync().WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Of a lease that was found in the mount table the Pod's name is not known; the mount, which is gone, was all that spoke for it.</summary>
    private async Task<bool> IsGoneAsync(Lease lease, CancellationToken cancellationToken) =>
        lease.PodName.Length == 0 || await authorizer.IsGoneAsync(lease.PodNamespace, lease.PodName, lease.PodUid, cancellationToken);

    private static partial class Log
    {
        [LoggerMessage(20, LogLevel.Information, "The lease of volume {VolumeId} was dropped: Pod {Namespace}/{Name} is gone")]
        public static partial void LeaseDropped(ILogger logger, string volumeId, string @namespace, string name);
    }
}
