using Microsoft.Extensions.DependencyInjection.Extensions;

namespace AiModels.Controllers.Preparation.Sources.Hubs;

/// <summary>Registers what all hubs share.</summary>
internal static class HubServices
{
    public static IServiceCollection AddHubs(this IServiceCollection services)
    {
        services.TryAddSingleton(provider => HubPatience.Of(provider.GetRequiredService<PreparationOptions>()));
        services.TryAddSingleton<IHubPauses, LeaseHubPauses>();
        services.TryAddSingleton(provider => new TransferBudget(provider.GetRequiredService<PreparationOptions>().SourceConnections));
        services.TryAddSingleton<HubTransfer>();
        return services;
    }
}
