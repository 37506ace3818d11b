using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace AiModels.ApiServer.Access;

/// <summary>Not ready before the host's namespaces and webhooks are known: writes would be refused for no fault of theirs (contract G5).</summary>
internal sealed class ClusterSyncHealthCheck(
    [FromKeyedServices("namespaces")] ClusterCache namespaces,
    [FromKeyedServices("mutatingwebhookconfigurations")] ClusterCache mutating,
    [FromKeyedServices("validatingwebhookconfigurations")] ClusterCache validating) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(namespaces.Synced.IsCompleted && mutating.Synced.IsCompleted && validating.Synced.IsCompleted
            ? HealthCheckResult.Healthy()
            : HealthCheckResult.Unhealthy("the host cluster's namespaces and webhook configurations are not known yet"));
}
