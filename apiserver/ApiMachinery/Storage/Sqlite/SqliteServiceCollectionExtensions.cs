using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace AiModels.ApiMachinery.Storage.Sqlite;

/// <summary>Registers the embedded database.</summary>
public static class SqliteServiceCollectionExtensions
{
    /// <summary>Makes <see cref="IObjectStore"/> a <see cref="SqliteObjectStore"/>, unless a store is registered already. It is opened at first use and closed with the container.</summary>
    public static IServiceCollection AddSqliteObjectStore(this IServiceCollection services, SqliteStoreOptions options)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<IObjectStore>(provider => new SqliteObjectStore(
            options, provider.GetRequiredService<TimeProvider>(), provider.GetService<ValueCache>()));
        return services;
    }
}
