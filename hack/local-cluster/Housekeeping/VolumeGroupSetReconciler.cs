using System.Text.Json.Nodes;
using AiModels.Controllers.Runtime;
using AiModels.Hosting.Kubernetes;

namespace AiModels.LocalCluster.Housekeeping;

/// <summary>Says of a set that its volume groups were made on the nodes with its labels: what sds-node-configurator says where there are disks.</summary>
internal sealed class VolumeGroupSetReconciler(IKubernetesClient client) : IReconciler<NamespacedName>
{
    public async Task<ReconcileResult> ReconcileAsync(NamespacedName key, CancellationToken cancellationToken)
    {
        JsonObject? set = await client.GetAsync(ResourceTypes.LvmVolumeGroupSets, null, key.Name, cancellationToken);
        if (set == null) return ReconcileResult.Done;
        string selector = string.Join(',', (set.At("spec.nodeSelector.matchLabels") as JsonObject ?? []).Select(label => $"{label.Key}={label.Value}"));
        KubernetesList nodes = await client.ListAsync(ResourceTypes.Nodes, null, new KubernetesListOptions { LabelSelector = selector }, cancellationToken);
        JsonArray created = [.. nodes.Items.Select(node => new JsonObject { ["nodeName"] = node.Name(), ["lvmVolumeGroupName"] = $"{key.Name}-{node.Name()}" })];
        var status = new JsonObject
        {
            ["phase"] = created.Count > 0 ? "Created" : "NotCreated",
            ["reason"] = created.Count > 0 ? "" : "no node has these labels",
            ["currentLVMVolumeGroupsCount"] = created.Count,
            ["desiredLVMVolumeGroupsCount"] = created.Count,
            ["createdLVMVolumeGroups"] = created,
        };
        await client.PatchAsync(
            ResourceTypes.LvmVolumeGroupSets, null, key.Name, KubernetesPatch.Merge, new JsonObject { ["status"] = status }, "status", "local-cluster", cancellationToken);
        return ReconcileResult.Done;
    }
}
