using System.Text.Json.Nodes;
using AiModels.Controllers.Runtime;
using AiModels.Hosting.Kubernetes;
using AiModels.LocalCluster.Workloads;

namespace AiModels.LocalCluster.Node;

/// <summary>Gives the one node to every Pod that has no scheduling gate and whose nodeSelector accepts its labels.</summary>
internal sealed class Scheduler(IKubernetesClient client, WorkloadApi api, TimeProvider time) : IReconciler<NamespacedName>
{
    private static readonly TimeSpan RetryPeriod = TimeSpan.FromMilliseconds(200);

    public async Task<ReconcileResult> ReconcileAsync(NamespacedName key, CancellationToken cancellationToken)
    {
        JsonObject? pod = await client.GetAsync(ResourceTypes.Pods, key.Namespace, key.Name, cancellationToken);
        if (pod == null || pod.IsDeleting() || pod.At("spec.nodeName") != null || pod.Items("spec.schedulingGates").Any()) return ReconcileResult.Done;
        JsonObject? node = await client.GetAsync(ResourceTypes.Nodes, null, Kubelet.NodeName, cancellationToken);
        if (node == null || !node.IsAcceptedBy(pod.At("spec.nodeSelector")))
        {
            const string Message = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.";
            JsonArray waits = Conditions.With(pod.At("status.conditions"), "PodScheduled", false, "Unschedulable", Message, time);
            await api.TrySetStatusAsync(ResourceTypes.Pods, pod, new JsonObject { ["conditions"] = waits }, cancellationToken);
            return ReconcileResult.After(RetryPeriod);
        }

        JsonObject? bound = await api.TryMergeAsync(
            ResourceTypes.Pods, pod, new JsonObject { ["spec"] = new JsonObject { ["nodeName"] = Kubelet.NodeName } }, null, cancellationToken);
        if (bound == null) return ReconcileResult.After(RetryPeriod);
        JsonArray conditions = Conditions.With(bound.At("status.conditions"), "PodScheduled", true, "", "", time);
        await api.TrySetStatusAsync(ResourceTypes.Pods, bound, new JsonObject { ["conditions"] = conditions }, cancellationToken);
        return ReconcileResult.Done;
    }
}
