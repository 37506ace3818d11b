using Microsoft.Extensions.DependencyInjection.Extensions;

namespace AiModels.Controllers.Preparation.Sources.Hubs;

/// <summary>Registers what all hubs share.</summary>
internal static class HubServices
{
    public static IServiceCollection AddHubs(this IServiceCollection services)
    {
        services.TryAddSingleton(provider => HubPatience.Of(provider.GetRequiredService<ControllersOptions>()));
        services.TryAddSingleton<IHubPauses, LeaseHubPauses>();
        services.TryAddSingleton(provider => new TransferBudget(provider.GetRequiredService<ControllersOptions>().SourceConnections));
        services.TryAddSingleton<HubTransfer>();
        return services;
    }
}
