using Microsoft.Extensions.DependencyInjection;

namespace AiModels.ApiMachinery.Audit;

/// <summary>Registers the audit log.</summary>
public static class AuditExtensions
{
    public static IServiceCollection AddAuditLog(this IServiceCollection services, AuditOptions options)
    {
        services.AddSingleton(options);
        services.AddSingleton<AuditLog>();
        services.AddHostedService(provider => provider.GetRequiredService<AuditLog>());
        return services;
    }
}
