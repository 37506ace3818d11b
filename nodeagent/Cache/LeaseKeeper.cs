using AiModels.NodeAgent.Authorization;

namespace AiModels.NodeAgent.Cache;

/// <summary>
/// Runs with the agent: drops leases of Pods that are gone (the driver could not tell us, or was killed), and ends the cache's downloads at the end.
/// </summary>
internal sealed partial class LeaseKeeper(NodeCache cache, IMountAuthorizer authorizer, TimeProvider time, ILogger<LeaseKeeper> logger) : BackgroundService
{
    // A Pod must be missing at two looks in a row before its lease goes: kubelet may still be unmounting when the API has forgotten the Pod.
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(5);

    private HashSet<string> _missing = [];

    /// <summary>One look at all leases.</summary>
    public async Task LookAsync(CancellationToken cancellationToken)
    {
        var missing = new HashSet<string>();
        foreach (Lease lease in cache.Leases())
        {
            if (!await authorizer.IsGoneAsync(lease.PodNamespace, lease.PodName, lease.PodUid, cancellationToken))
            {
                continue;
            }

            if (_missing.Contains(lease.VolumeId))
            {
                Log.LeaseDropped(logger, lease.VolumeId, lease.PodNamespace, lease.PodName);
                cache.Release(lease.VolumeId);
            }
            else
            {
                missing.Add(lease.VolumeId);
            }
        }

        _missing = missing;
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await cache.StopAsync().WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            await LookAsync(stoppingToken);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(20, LogLevel.Information, "The lease of volume {VolumeId} was dropped: Pod {Namespace}/{Name} is gone")]
        public static partial void LeaseDropped(ILogger logger, string volumeId, string @namespace, string name);
    }
}
