using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;
using AiModels.Controllers.Runtime;
using AiModels.Hosting.Kubernetes;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace AiModels.Controllers.Delivery.NodeCache.Storage;

/// <summary>Registers storage for the nodes' caches. A folder of the host needs none of it.</summary>
internal static class NodeCacheStorageServices
{
    public static IServiceCollection AddNodeCacheStorage(this IServiceCollection services, NodeCacheStorageOptions options)
    {
        services.TryAddSingleton(new NodeCacheReadiness(isKnown: options.Kind == NodeCacheStorageOptions.HostPath));
        if (options.Kind == NodeCacheStorageOptions.HostPath)
        {
            return services;
        }

        services.AddSingleton(options);
        if (options.Kind == NodeCacheStorageOptions.Sds)
        {
            services.TryAddSingleton<INodeCacheStorage, SdsStorage>();
        }
        else
        {
            services.TryAddSingleton<INodeCacheStorage, ExistingClassStorage>();
        }

        return services.AddController<string, NodeCacheProvisioner>("node-cache-storage", workers: 1, Watch);
    }

    private static void Watch(IServiceProvider provider, WorkQueue<string> queue)
    {
        var informers = provider.GetRequiredService<Informers>();
        var options = provider.GetRequiredService<NodeCacheStorageOptions>();
        var ours = new KubernetesListOptions { LabelSelector = CacheNode.Selector };
        var nodes = new KubernetesListOptions { LabelSelector = $"{Labels.NodeCache}=true" };
        informers.Get(ResourceTypes.Nodes, NodeIdentity.Of, null, nodes).Subscribe(change =>
        {
            // A Node's status is written every few seconds; only its coming and going matters here.
            if (change.New != change.Old)
            {
                queue.Add(NodeCacheProvisioner.Key);
            }
        });
        informers.Get(ResourceTypes.PodTemplates, AsIs, options.Namespace).Subscribe(_ => queue.Add(NodeCacheProvisioner.Key));
        informers.Get(ResourceTypes.Pods, AsIs, options.Namespace, ours).Subscribe(_ => queue.Add(NodeCacheProvisioner.Key));
        informers.Get(ResourceTypes.PersistentVolumeClaims, AsIs, options.Namespace, ours).Subscribe(_ => queue.Add(NodeCacheProvisioner.Key));
        provider.GetRequiredService<INodeCacheStorage>().Subscribe(() => queue.Add(NodeCacheProvisioner.Key));
        queue.Add(NodeCacheProvisioner.Key);
    }

    private static JsonObject AsIs(JsonObject document) => document;

    private sealed record NodeIdentity(string Uid)
    {
        public static NodeIdentity Of(JsonObject document) => new((string?)document["metadata"]?["uid"] ?? "");
    }
}
