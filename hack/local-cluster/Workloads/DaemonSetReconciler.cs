using System.Text.Json.Nodes;
using AiModels.Controllers.Runtime;
using AiModels.Hosting.Kubernetes;

namespace AiModels.LocalCluster.Workloads;

/// <summary>DaemonSet -> one Pod on every node whose labels the template's nodeSelector accepts; outdated Pods are replaced.</summary>
internal sealed class DaemonSetReconciler(WorkloadApi api, IKubernetesClient client) : IReconciler<NamespacedName>
{
    private const string RevisionLabel = "controller-revision-hash";

    public async Task<ReconcileResult> ReconcileAsync(NamespacedName key, CancellationToken cancellationToken)
    {
        JsonObject? set = await api.GetAsync(ResourceTypes.DaemonSets, key.Namespace, key.Name, cancellationToken);
        if (set == null || set.IsDeleting()) return ReconcileResult.Done;

        KubernetesList nodes = await client.ListAsync(ResourceTypes.Nodes, null, null, cancellationToken);
        List<string> wanted = [.. nodes.Items.Where(n => n.IsAcceptedBy(set.At("spec.template.spec.nodeSelector"))).Select(n => n.Name())];
        string revision = Documents.Hash(set.At("spec.template"));
        List<JsonObject> pods = [.. (await api.OwnedAsync(ResourceTypes.Pods, set, cancellationToken)).Where(p => !p.IsDeleting())];
        foreach (JsonObject pod in pods.Where(p => p.Label(RevisionLabel) != revision || !wanted.Contains(NodeOf(p)) || p.Phase() is "Failed" or "Succeeded").ToList())
        {
            await api.DeleteAsync(ResourceTypes.Pods, pod, cancellationToken);
            pods.Remove(pod);
        }

        foreach (string node in wanted.Where(n => pods.All(p => NodeOf(p) != n)))
        {
            await api.CreatePodAsync(set, set.At("spec.template"), set.Name() + "-", pod =>
            {
                if (pod["metadata"]!["labels"] is not JsonObject labels) pod["metadata"]!["labels"] = labels = [];
                labels[RevisionLabel] = revision;
                pod["spec"]!["nodeSelector"] = new JsonObject { ["kubernetes.io/hostname"] = node };
            }, cancellationToken);
        }

        int ready = pods.Count(p => p.IsPodReady());
        await api.SetStatusAsync(ResourceTypes.DaemonSets, set, new JsonObject
        {
            ["observedGeneration"] = set["metadata"]?["generation"]?.DeepClone(),
            ["desiredNumberScheduled"] = wanted.Count,
            ["currentNumberScheduled"] = pods.Count,
            ["updatedNumberScheduled"] = pods.Count,
            ["numberReady"] = ready,
            ["numberAvailable"] = ready,
            ["numberUnavailable"] = Math.Max(0, wanted.Count - ready),
            ["numberMisscheduled"] = 0,
        }, cancellationToken);
        return ReconcileResult.Done;
    }

    // A gated Pod has no node yet; the selector it was made with says where it will be.
    private static string NodeOf(JsonObject pod) => (string?)pod.At("spec.nodeName") ?? (string?)(pod.At("spec.nodeSelector") as JsonObject)?["kubernetes.io/hostname"] ?? "";
}
