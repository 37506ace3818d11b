using AiModels.ApiMachinery.Storage;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace AiModels.ApiServer.Storage;

/// <summary>Not ready while the database cannot be read. Discovery does not depend on it and is served all the same.</summary>
internal sealed class StorageHealthCheck(IObjectStore store) : IHealthCheck
{
    private static readonly ObjectKey Probe = new("internal.ai.deckhouse.io", "health", "", "probe");

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            await store.GetAsync(Probe, cancellationToken);
            return HealthCheckResult.Healthy();
        }
        catch (StoreUnavailableException cause)
        {
            return HealthCheckResult.Unhealthy(cause.Message);
        }
    }
}
