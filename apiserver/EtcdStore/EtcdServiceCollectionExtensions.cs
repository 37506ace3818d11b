using AiModels.ApiMachinery.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

namespace AiModels.EtcdStore;

/// <summary>Registers etcd.</summary>
public static class EtcdServiceCollectionExtensions
{
    /// <summary>Makes <see cref="IObjectStore"/> an <see cref="EtcdObjectStore"/>, unless a store is registered already. Closed with the container.</summary>
    public static IServiceCollection AddEtcdObjectStore(this IServiceCollection services, EtcdStoreOptions options)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<IObjectStore>(provider => new EtcdObjectStore(
            options, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<EtcdObjectStore>>(), provider.GetService<ValueCache>()));
        return services;
    }
}
