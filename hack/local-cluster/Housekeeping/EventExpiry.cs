using System.Text.Json.Nodes;
using AiModels.Hosting.Kubernetes;

namespace AiModels.LocalCluster.Housekeeping;

/// <summary>Events live for an hour, as in kube-apiserver (--event-ttl).</summary>
internal sealed class EventExpiry(IKubernetesClient client, TimeProvider time, ILogger<EventExpiry> logger) : BackgroundService
{
    private static readonly TimeSpan Life = TimeSpan.FromHours(1);
    private static readonly TimeSpan Period = TimeSpan.FromMinutes(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                DateTimeOffset limit = time.GetUtcNow() - Life;
                foreach (JsonObject old in (await client.ListAsync(ResourceTypes.Events, null, null, stoppingToken)).Items.Where(e => LastSeen(e) < limit))
                    await client.DeleteAsync(ResourceTypes.Events, old.Namespace(), old.Name(), old.Uid(), null, stoppingToken);
            }
            catch (Exception e) when (e is KubernetesApiException or HttpRequestException)
            {
                logger.LogWarning("Old Events could not be removed: {Reason}", e.Message);
            }
        }
    }

    private static DateTimeOffset? LastSeen(JsonObject e) => e.Time("lastTimestamp") ?? e.Time("eventTime") ?? e.Time("metadata.creationTimestamp");
}
