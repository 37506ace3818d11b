using AiModels.ApiMachinery.Storage;
using AiModels.Hosting;
using AiModels.Hosting.Kubernetes;
using AiModels.LocalCluster.Host;
using AiModels.LocalCluster.Housekeeping;
using AiModels.LocalCluster.Node;
using AiModels.LocalCluster.Workloads;

namespace AiModels.LocalCluster;

/// <summary>The host cluster behind its API: controllers and the node, clients of it like any other.</summary>
internal static class ClusterServices
{
    public static IHost Create(LocalClusterOptions options, ClusterPaths paths, HostTypes types, IObjectStore hostStore)
    {
        HostApplicationBuilder builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddComponentServices("cluster");
        builder.Services.AddSingleton(options);
        builder.Services.AddSingleton(paths);
        builder.Services.AddSingleton(types);
        builder.Services.AddSingleton(hostStore);
        builder.Services.AddSingleton<IKubernetesClient>(p => new KubernetesClient(KubernetesConnection.Load(paths.Kubeconfig), p.GetRequiredService<TimeProvider>()));
        builder.Services.AddSingleton<ClusterSeed>();
        builder.Services.AddSingleton<ClusterRights>();
        builder.Services.AddHousekeeping(options);
        builder.Services.AddWorkloadControllers();
        builder.Services.AddNode();
        return builder.Build();
    }
}
