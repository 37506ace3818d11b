using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Storage;
using AiModels.Controllers.Runtime;
using AiModels.Hosting.Kubernetes;
using AiModels.LocalCluster.Host;
using AiModels.LocalCluster.Workloads;

namespace AiModels.LocalCluster.Housekeeping;

/// <summary>Garbage collection, namespaces, claims, SDS and old Events.</summary>
internal static class HousekeepingServices
{
    public static IServiceCollection AddHousekeeping(this IServiceCollection services, LocalClusterOptions options)
    {
        services.AddSingleton<OwnerGraph>();
        services.AddSingleton<StoreFeed>();
        services.AddHostedService<EventExpiry>();
        WorkQueue<ObjectKey>? collected = null;
        services.AddController<ObjectKey, GarbageCollector>("garbage-collector", workers: 2, (provider, queue) =>
        {
            collected = queue;
            if (!options.Without.Contains("apiserver")) FollowModels(provider, queue);
        });
        services.AddHostedService(provider => new FeedService(provider.GetRequiredService<StoreFeed>(), () => collected!));
        services.AddController<NamespacedName, NamespaceReconciler>("namespaces", workers: 1, (provider, queue) =>
            provider.GetRequiredService<Informers>().Get(ResourceTypes.Namespaces, WorkloadServices.AsIs).Subscribe(change => queue.Add(change.Key)));
        services.AddController<NamespacedName, ClaimReconciler>("claims", workers: 1, (provider, queue) =>
        {
            Informers informers = provider.GetRequiredService<Informers>();
            informers.Get(ResourceTypes.PersistentVolumeClaims, WorkloadServices.AsIs).Subscribe(change => queue.Add(change.Key));

            // A volume whose claim went while nobody was looking is found by itself.
            informers.Get(ResourceTypes.PersistentVolumes, WorkloadServices.AsIs).Subscribe(change =>
            {
                if (change.New.At("spec.claimRef") is { } claim) queue.Add(new NamespacedName((string?)claim["namespace"], (string?)claim["name"] ?? ""));
            });
        });
        services.AddController<NamespacedName, VolumeGroupSetReconciler>("volume-group-sets", workers: 1, (provider, queue) =>
        {
            Informers informers = provider.GetRequiredService<Informers>();
            Informer<JsonObject> sets = informers.Get(ResourceTypes.LvmVolumeGroupSets, WorkloadServices.AsIs);
            sets.Subscribe(change => queue.Add(change.Key));
            informers.Get(ResourceTypes.Nodes, WorkloadServices.AsIs).Subscribe(_ =>
            {
                foreach (JsonObject set in sets.List()) queue.Add(NamespacedName.Of(set));
            });
        });
        services.AddController<NamespacedName, LocalStorageClassReconciler>("local-storage-classes", workers: 1, (provider, queue) =>
            provider.GetRequiredService<Informers>().Get(ResourceTypes.LocalStorageClasses, WorkloadServices.AsIs).Subscribe(change => queue.Add(change.Key)));
        return services;
    }

    /// <summary>Models live in another store: when one changes or goes, it and what it owned here are looked at again.</summary>
    private static void FollowModels(IServiceProvider provider, WorkQueue<ObjectKey> queue)
    {
        StoreFeed feed = provider.GetRequiredService<StoreFeed>();
        foreach (ResourceType type in HostTypes.Aggregated)
        {
            provider.GetRequiredService<Informers>().Get(type, WorkloadServices.AsIs).Subscribe(change => feed.Apply(
                queue, new ObjectKey(type.Group, type.Plural, change.Key.Namespace ?? "", change.Key.Name), change.New is { } obj ? (ReadOnlyMemory<byte>?)JsonSerializer.SerializeToUtf8Bytes(obj) : null));
        }
    }

    private sealed class FeedService(StoreFeed feed, Func<WorkQueue<ObjectKey>> queue) : BackgroundService
    {
        protected override Task ExecuteAsync(CancellationToken stoppingToken) => feed.RunAsync(queue(), stoppingToken);
    }
}
