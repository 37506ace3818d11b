using Microsoft.Extensions.DependencyInjection.Extensions;

namespace AiModels.Controllers.Runtime;

/// <summary>Registers what every controller runs on, and controllers themselves.</summary>
internal static class RuntimeServices
{
    /// <summary>Informers, Events and leadership, shared by all controllers of the process. May be called more than once.</summary>
    public static IServiceCollection AddControllerRuntime(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(Random.Shared);
        services.TryAddSingleton<ILeadership, AlwaysLeader>();
        services.TryAddSingleton<IEventRecorder, EventRecorder>();
        services.AddMetrics();
        services.TryAddSingleton<RuntimeMetrics>();
        if (services.All(service => service.ServiceType != typeof(Informers)))
        {
            services.AddSingleton<Informers>();
            services.AddHostedService(provider => provider.GetRequiredService<Informers>());
        }

        return services;
    }

    /// <summary>
    /// Runs a reconciler with its own queue.
    /// </summary>
    /// <param name="watch">Asks for informers and subscribes to them: puts the keys that a change concerns into the queue.</param>
    /// <example>
    /// <code>
    /// services.AddController&lt;NamespacedName, ModelReconciler&gt;("models", workers: 4, (provider, queue) =>
    ///     provider.GetRequiredService&lt;Informers&gt;().Get(ResourceTypes.Models, Decode).Subscribe(change => queue.Add(change.Key)));
    /// </code>
    /// </example>
    public static IServiceCollection AddController<TKey, TReconciler>(
        this IServiceCollection services, string name, int workers, Action<IServiceProvider, WorkQueue<TKey>> watch)
        where TKey : notnull
        where TReconciler : class, IReconciler<TKey>
    {
        services.AddControllerRuntime();
        services.TryAddSingleton<TReconciler>();
        services.AddSingleton<IHostedService>(provider =>
        {
            // From half a second, so that a hiccup costs little, to five minutes, so that a broken object costs nothing.
            var backoff = new Backoff<TKey>(TimeSpan.FromMilliseconds(500), TimeSpan.FromMinutes(5), provider.GetRequiredService<Random>());
            var queue = new WorkQueue<TKey>(provider.GetRequiredService<TimeProvider>(), backoff);
            watch(provider, queue);
            return new Controller<TKey>(
                name,
                workers,
                provider.GetRequiredService<TReconciler>(),
                queue,
                provider.GetRequiredService<Informers>(),
                provider.GetRequiredService<ILeadership>(),
                provider.GetRequiredService<RuntimeMetrics>(),
                provider.GetRequiredService<ILoggerFactory>().CreateLogger("AiModels.Controllers.Controller"));
        });
        return services;
    }
}
