using System.Text.Json.Nodes;
using AiModels.Controllers.Runtime;
using AiModels.Hosting.Kubernetes;

namespace AiModels.LocalCluster.Housekeeping;

/// <summary>Makes the StorageClass of a LocalStorageClass, as sds-local-volume does. Its claims become folders, as all claims here do.</summary>
internal sealed class LocalStorageClassReconciler(IKubernetesClient client) : IReconciler<NamespacedName>
{
    public async Task<ReconcileResult> ReconcileAsync(NamespacedName key, CancellationToken cancellationToken)
    {
        JsonObject? local = await client.GetAsync(ResourceTypes.LocalStorageClasses, null, key.Name, cancellationToken);
        if (local == null) return ReconcileResult.Done;
        try
        {
            await client.CreateAsync(ResourceTypes.StorageClasses, new JsonObject
            {
                ["apiVersion"] = "storage.k8s.io/v1",
                ["kind"] = "StorageClass",
                ["metadata"] = new JsonObject { ["name"] = key.Name },
                ["provisioner"] = "local-cluster",
                ["reclaimPolicy"] = local.At("spec.reclaimPolicy")?.DeepClone(),
                ["volumeBindingMode"] = local.At("spec.volumeBindingMode")?.DeepClone(),
            }, null, cancellationToken);
        }
        catch (KubernetesApiException e) when (e.IsAlreadyExists)
        {
            // Made at an earlier look.
        }

        await client.PatchAsync(
            ResourceTypes.LocalStorageClasses, null, key.Name, KubernetesPatch.Merge, new JsonObject { ["status"] = new JsonObject { ["phase"] = "Created" } }, "status", "local-cluster", cancellationToken);
        return ReconcileResult.Done;
    }
}
