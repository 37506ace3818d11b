using AiModels.Registry.Storage.Backends;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace AiModels.Registry;

/// <summary>Ready means that storage answers.</summary>
internal sealed class StorageHealthCheck(IStorageBackend backend) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            await backend.CheckAsync(cancellationToken);
            return HealthCheckResult.Healthy();
        }
        catch (IOException failure)
        {
            return HealthCheckResult.Unhealthy(failure.Message, failure);
        }
    }
}
