using AiModels.ApiServer.Storage;

namespace AiModels.ApiServer.Replicas;

/// <summary>Registers what replicas do for each other; nothing where the store belongs to one process.</summary>
internal static class ReplicaServices
{
    public static IServiceCollection AddReplicas(this IServiceCollection services, ApiServerOptions options) => !StorageEngines.IsShared(options.Storage)
        ? services
        : services
            .AddSingleton(new ReplicaAddress(options.AdvertisedUrl))
            .AddSingleton<PeerSecret>()
            .AddSingleton<ReplicaDirectory>()
            .AddHostedService(provider => provider.GetRequiredService<ReplicaDirectory>())
            .AddHostedService<ProgressExchange>();

    /// <summary>Before the API's own authentication: replicas have another.</summary>
    public static void UsePeers(this WebApplication app)
    {
        if (app.Services.GetService<PeerSecret>() is not null)
        {
            app.UseMiddleware<PeerEndpoint>();
        }
    }
}
