using AiModels.Controllers.Runtime;
using AiModels.Hosting.Kubernetes;
using AiModels.LocalCluster.Workloads;

namespace AiModels.LocalCluster.Node;

/// <summary>The scheduler and the one node.</summary>
internal static class NodeServices
{
    public static IServiceCollection AddNode(this IServiceCollection services)
    {
        services.AddSingleton<KeyedData>();
        services.AddSingleton<CsiVolumes>();
        services.AddSingleton<VolumeSources>();
        services.AddSingleton<ContainerEnvironment>();
        services.AddSingleton<Mounts>();
        services.AddController<NamespacedName, Scheduler>("scheduler", workers: 2, (provider, queue) =>
            provider.GetRequiredService<Informers>().Get(ResourceTypes.Pods, WorkloadServices.AsIs).Subscribe(change => queue.Add(change.Key)));

        // The node's own queue is told when a container ends.
        WorkQueue<NamespacedName>? own = null;
        services.AddSingleton<Func<WorkQueue<NamespacedName>>>(() => own!);
        services.AddController<NamespacedName, Kubelet>("node", workers: 4, (provider, queue) =>
        {
            own = queue;
            provider.GetRequiredService<Informers>().Get(ResourceTypes.Pods, WorkloadServices.AsIs).Subscribe(change => queue.Add(change.Key));
        });
        return services;
    }
}
