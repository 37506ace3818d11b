using AiModels.ApiMachinery.Audit;
using AiModels.ApiMachinery.Discovery;
using AiModels.ApiMachinery.Handlers;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Resources;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace AiModels.ApiMachinery;

/// <summary>How an application becomes an API server.</summary>
public static class ApiMachineryExtensions
{
    /// <summary>
    /// Adds the machinery. The application adds an IObjectStore, and may add IRequestAuthenticators (asked in order), an IAuthorizer (without one only
    /// system:masters may do anything) and IAdmissions.
    /// </summary>
    public static ApiGroupBuilder AddApiMachinery(this IServiceCollection services, Action<ApiMachineryOptions>? configure = null)
    {
        services.AddOptions<ApiMachineryOptions>().Configure(configure ?? (_ => { })).ValidateDataAnnotations().ValidateOnStart();
        services.AddMetrics();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(Random.Shared);
        services.TryAddSingleton<IAuthorizer, MastersAuthorizer>();
        services.TryAddSingleton<ApiMachineryMetrics>();
        services.TryAddSingleton<ResourceRegistry>();
        services.TryAddSingleton<RequestAuthorizer>();
        services.TryAddSingleton<ServerShutdown>();
        services.AddHostedService(provider => provider.GetRequiredService<ServerShutdown>());
        services.AddHealthChecks();
        services.TryAddSingleton<HealthHandler>();
        services.TryAddSingleton<DiscoveryDocuments>();
        services.TryAddSingleton<DiscoveryHandler>();
        services.TryAddSingleton<GetHandler>();
        services.TryAddSingleton<ListHandler>();
        services.TryAddSingleton<WatchHandler>();
        services.TryAddSingleton<CreateHandler>();
        services.TryAddSingleton<UpdateHandler>();
        services.TryAddSingleton<PatchHandler>();
        services.TryAddSingleton<DeleteHandler>();
        services.TryAddSingleton<DeleteCollectionHandler>();
        services.TryAddSingleton<SubresourceHandler>();
        return new ApiGroupBuilder(services);
    }

    /// <summary>
    /// Serves what was registered. Endpoints that the application maps itself (health, metrics, a proxy) are reached behind authentication and
    /// authorization, and win over the machinery's own paths.
    /// </summary>
    public static WebApplication MapApiMachinery(this WebApplication app)
    {
        app.UseWebSockets();
        // Around the guard: the event tells the answer that the guard made of an error.
        app.UseMiddleware<RequestInfoMiddleware>();
        if (app.Services.GetService<AuditLog>() is not null)
        {
            app.UseMiddleware<AuditMiddleware>();
        }

        app.UseMiddleware<RequestGuard>();
        app.UseMiddleware<ShutdownMiddleware>();
        app.UseMiddleware<GoAwayMiddleware>();
        app.UseMiddleware<AuthenticationMiddleware>();
        app.UseMiddleware<ImpersonationMiddleware>();
        app.UseMiddleware<RequestLimits>();
        app.UseMiddleware<AuthorizationMiddleware>();
        app.UseMiddleware<RequestDispatcher>();
        return app;
    }
}
