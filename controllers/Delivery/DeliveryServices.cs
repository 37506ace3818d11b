using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Contracts.WellKnown;
using AiModels.Controllers.Delivery.NodeCache;
using AiModels.Controllers.Delivery.NodeCache.Storage;
using AiModels.Controllers.Delivery.SharedPvc;
using AiModels.Controllers.Runtime;
using AiModels.Hosting.Kubernetes;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace AiModels.Controllers.Delivery;

/// <summary>Registers delivery: the reconciler, what it watches, and the modes.</summary>
internal static class DeliveryServices
{
    private const int Workers = 4;

    public static IServiceCollection AddDelivery(this IServiceCollection services, DeliveryOptions options)
    {
        services.AddSingleton(options);
        services.TryAddSingleton<ModelLookup>();
        services.TryAddSingleton<IModelLookup>(provider => provider.GetRequiredService<ModelLookup>());
        services.TryAddSingleton<NodeCaches>();
        services.TryAddSingleton<INodeCaches>(provider => provider.GetRequiredService<NodeCaches>());
        services.TryAddSingleton<WarmNodes>();
        services.AddNodeCacheStorage(options.Type == NodeCacheMode.ModeName ? options.NodeCacheStorage : new NodeCacheStorageOptions());
        services.TryAddSingleton<SharedClaim>();
        services.TryAddSingleton<ClaimUsers>();
        services.TryAddSingleton<StaleContent>();
        services.TryAddSingleton<MaterializerGrants>();
        services.TryAddSingleton<WorkloadWriter>();
        services.TryAddSingleton<GatedPods>();
        services.TryAddSingleton<CatalogMetrics>();
        services.AddSingleton<IDeliveryMode, SharedPvcMode>();
        services.AddSingleton<IDeliveryMode, NodeCacheMode>();
        return services.AddController<WorkloadKey, WorkloadReconciler>("delivery", Workers, Watch);
    }

    private static void Watch(IServiceProvider provider, WorkQueue<WorkloadKey> queue)
    {
        var informers = provider.GetRequiredService<Informers>();
        var workloads = new List<(WorkloadKind Kind, Informer<WorkloadSummary> Informer)>();
        foreach (WorkloadKind kind in WorkloadKind.All)
        {
            Informer<WorkloadSummary> informer = informers.Get(kind.Type, document => WorkloadSummary.Of(kind, document));
            informer.AddIndex("model", summary => summary.References.Models.Select(model => IndexValue(model, summary.Name.Namespace)));
            informer.AddIndex("claim", summary => summary.UserClaim is { } claim ? [$"{summary.Name.Namespace}/{claim}"] : []);
            informer.Subscribe(change =>
            {
                if (change.New is { IsOurs: true })
                {
                    queue.Add(new WorkloadKey(kind, change.Key));
                }
            });
            workloads.Add((kind, informer));
        }

        void Wake(ModelFact? model)
        {
            if (model is null)
            {
                return;
            }

            foreach ((WorkloadKind kind, Informer<WorkloadSummary> informer) in workloads)
            {
                foreach (WorkloadSummary summary in informer.ByIndex("model", IndexValue(model.Reference, model.Namespace)))
                {
                    queue.Add(new WorkloadKey(kind, summary.Name));
                }
            }
        }

        var models = provider.GetRequiredService<ModelLookup>();
        var metrics = provider.GetRequiredService<CatalogMetrics>();
        metrics.ObserveModels(() => [.. models.Models.List(), .. models.ClusterModels.List()]);
        metrics.ObserveWorkloads(workloads);
        models.Models.Subscribe(change => Wake(change.New ?? change.Old));
        models.ClusterModels.Subscribe(change => Wake(change.New ?? change.Old));
        WatchJobs(informers, queue);
        if (provider.GetRequiredService<DeliveryOptions>().Type == SharedPvcMode.ModeName)
        {
            WatchClaims(informers, workloads, queue);
        }
        else
        {
            provider.GetRequiredService<NodeCaches>().Watch();
        }

        WatchStoppedPods(informers, provider.GetRequiredService<ModelLookup>(), Wake);
    }

    /// <summary>
    /// Pods that the webhook stopped: whoever asks for the same models looks at them. A webhook that did not know yet that a model is Ready stops a Pod for nothing,
    /// and no other change would come to let it through.
    /// </summary>
    private static void WatchStoppedPods(Informers informers, ModelLookup models, Action<ModelFact?> wake)
    {
        var stopped = new KubernetesListOptions { LabelSelector = $"{Labels.PodGate}={Labels.PodGateWaiting}" };
        informers.Get(ResourceTypes.Pods, pod => new StoppedPod((string?)pod["metadata"]?["namespace"] ?? "", DeliveredPod.Models(pod)), null, stopped).Subscribe(change =>
        {
            foreach (PodModel model in change.New?.Models ?? [])
            {
                wake(models.Find(new ModelReference(GroupVersion.ModelKind, model.Name), change.New!.Namespace));
                wake(models.Find(new ModelReference(GroupVersion.ClusterModelKind, model.Name), change.New.Namespace));
            }
        });
    }

    /// <summary>Our materializer Jobs: a change concerns the workload that owns them.</summary>
    private static void WatchJobs(Informers informers, WorkQueue<WorkloadKey> queue)
    {
        var ours = new KubernetesListOptions { LabelSelector = $"{Labels.ManagedBy}={Labels.ManagedByValue}" };
        informers.Get(ResourceTypes.Jobs, Owner, null, ours).Subscribe(change =>
        {
            if ((change.New ?? change.Old)?.Key is { } key)
            {
                queue.Add(key);
            }
        });
    }

    /// <summary>
    /// Claims: the user's own, which a workload may wait for, and ours, which somebody may delete. What a claim holds and how full it is does not matter here, only that it
    /// is there.
    /// </summary>
    private static void WatchClaims(Informers informers, IReadOnlyList<(WorkloadKind Kind, Informer<WorkloadSummary> Informer)> workloads, WorkQueue<WorkloadKey> queue) =>
        informers.Get(ResourceTypes.PersistentVolumeClaims, ClaimPresence.Of).Subscribe(change =>
        {
            if (change.New == change.Old)
            {
                return;
            }

            foreach ((WorkloadKind kind, Informer<WorkloadSummary> informer) in workloads)
            {
                foreach (WorkloadSummary summary in informer.ByIndex("claim", $"{change.Key.Namespace}/{change.Key.Name}"))
                {
                    queue.Add(new WorkloadKey(kind, summary.Name));
                }
            }

            if (change.New is null && change.Old?.Owner is { } owner)
            {
                queue.Add(owner);
            }
        });

    private static JobOwner Owner(JsonObject job)
    {
        JsonNode? owner = (job["metadata"]?["ownerReferences"] as JsonArray)?.FirstOrDefault();
        WorkloadKind? kind = WorkloadKind.All.FirstOrDefault(kind => kind.Type.Kind == (string?)owner?["kind"]);
        return new JobOwner(kind is null ? null : new WorkloadKey(kind, new NamespacedName((string?)job["metadata"]?["namespace"], (string?)owner?["name"] ?? "")));
    }

    // Cluster models are the same to workloads of every namespace.
    private static string IndexValue(ModelReference model, string? ns) =>
        model.Kind == GroupVersion.ModelKind ? $"{model.Kind}/{ns}/{model.Name}" : $"{model.Kind}/{model.Name}";

    private sealed record StoppedPod(string Namespace, IReadOnlyList<PodModel> Models);

    private sealed record JobOwner(WorkloadKey? Key);

    private sealed record ClaimPresence(string Uid, bool IsDeleting, WorkloadKey? Owner)
    {
        public static ClaimPresence Of(JsonObject claim) => new(
            (string?)claim["metadata"]?["uid"] ?? "",
            claim["metadata"]?["deletionTimestamp"] is not null,
            (string?)claim["metadata"]?["labels"]?[Labels.ManagedBy] == Labels.ManagedByValue ? DeliveryServices.Owner(claim).Key : null);
    }
}
