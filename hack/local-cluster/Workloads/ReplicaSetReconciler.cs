using System.Text.Json.Nodes;
using AiModels.Controllers.Runtime;
using AiModels.Hosting.Kubernetes;

namespace AiModels.LocalCluster.Workloads;

/// <summary>ReplicaSet -> so many Pods.</summary>
internal sealed class ReplicaSetReconciler(WorkloadApi api) : IReconciler<NamespacedName>
{
    public async Task<ReconcileResult> ReconcileAsync(NamespacedName key, CancellationToken cancellationToken)
    {
        JsonObject? set = await api.GetAsync(ResourceTypes.ReplicaSets, key.Namespace, key.Name, cancellationToken);
        if (set == null || set.IsDeleting()) return ReconcileResult.Done;

        IReadOnlyList<JsonObject> pods = await api.OwnedAsync(ResourceTypes.Pods, set, cancellationToken);
        List<JsonObject> live = [.. pods.Where(p => !p.IsDeleting() && p.Phase() is not ("Succeeded" or "Failed"))];
        int wanted = set.Int("spec.replicas", 1);
        for (int i = live.Count; i < wanted; i++) await api.CreatePodAsync(set, set.At("spec.template"), set.Name() + "-", null, cancellationToken);
        foreach (JsonObject pod in live.OrderBy(p => p.IsPodReady()).Take(Math.Max(0, live.Count - wanted)))
            await api.DeleteAsync(ResourceTypes.Pods, pod, cancellationToken);

        int ready = live.Count(p => p.IsPodReady());
        await api.SetStatusAsync(ResourceTypes.ReplicaSets, set, new JsonObject
        {
            ["observedGeneration"] = set["metadata"]?["generation"]?.DeepClone(),
            ["replicas"] = live.Count,
            ["readyReplicas"] = ready,
            ["availableReplicas"] = ready,
        }, cancellationToken);
        return ReconcileResult.Done;
    }
}
