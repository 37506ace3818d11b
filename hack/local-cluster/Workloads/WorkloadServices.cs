using System.Text.Json.Nodes;
using AiModels.Controllers.Runtime;
using AiModels.Hosting.Kubernetes;

namespace AiModels.LocalCluster.Workloads;

/// <summary>The part of kube-controller-manager that a workload needs to come to life.</summary>
internal static class WorkloadServices
{
    public static IServiceCollection AddWorkloadControllers(this IServiceCollection services)
    {
        services.AddSingleton<WorkloadApi>();
        services.AddWorkload<DeploymentReconciler>("deployments", ResourceTypes.Deployments, ResourceTypes.ReplicaSets);
        services.AddWorkload<ReplicaSetReconciler>("replicasets", ResourceTypes.ReplicaSets, ResourceTypes.Pods);
        services.AddWorkload<StatefulSetReconciler>("statefulsets", ResourceTypes.StatefulSets, ResourceTypes.Pods);
        services.AddWorkload<DaemonSetReconciler>("daemonsets", ResourceTypes.DaemonSets, ResourceTypes.Pods);
        services.AddWorkload<JobReconciler>("jobs", ResourceTypes.Jobs, ResourceTypes.Pods);
        services.AddWorkload<CronJobReconciler>("cronjobs", ResourceTypes.CronJobs, ResourceTypes.Jobs);
        return services;
    }

    /// <summary>Reconciles objects of a kind when they change, and when an object changes that has one of them as its managing controller.</summary>
    private static void AddWorkload<TReconciler>(this IServiceCollection services, string name, ResourceType type, ResourceType dependents)
        where TReconciler : class, IReconciler<NamespacedName> =>
        services.AddController<NamespacedName, TReconciler>(name, workers: 2, (provider, queue) =>
        {
            var informers = provider.GetRequiredService<Informers>();
            informers.Get(type, AsIs).Subscribe(change => queue.Add(change.Key));
            informers.Get(dependents, AsIs).Subscribe(change =>
            {
                JsonObject obj = change.New ?? change.Old!;
                foreach (JsonObject owner in obj.Items("metadata.ownerReferences").Where(o => (bool?)o["controller"] == true && (string?)o["kind"] == type.Kind))
                    queue.Add(new NamespacedName(obj.Namespace(), (string?)owner["name"] ?? ""));
            });
        });

    /// <summary>Informers of this process share their documents: they are read, never changed.</summary>
    public static JsonObject AsIs(JsonObject document) => document;
}
