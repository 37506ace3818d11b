using System.Text.Json.Nodes;
using AiModels.Controllers.Runtime;
using AiModels.Hosting.Kubernetes;
using AiModels.LocalCluster.Node;

namespace AiModels.LocalCluster.Housekeeping;

/// <summary>Binds a claim of the stand-in's StorageClass to a new folder at once; a claim of a class that does not exist waits, as it would elsewhere.</summary>
internal sealed class ClaimReconciler(IKubernetesClient client, ClusterPaths paths, ILogger<ClaimReconciler> logger) : IReconciler<NamespacedName>
{
    public const string StorageClass = "local";
    private const string DefaultClass = "storageclass.kubernetes.io/is-default-class";

    public async Task<ReconcileResult> ReconcileAsync(NamespacedName key, CancellationToken cancellationToken)
    {
        JsonObject? claim = await client.GetAsync(ResourceTypes.PersistentVolumeClaims, key.Namespace, key.Name, cancellationToken);
        if (claim == null) return await ReleaseAsync(key, cancellationToken);
        if (claim.IsDeleting() || claim.Phase() == "Bound") return ReconcileResult.Done;
        string? className = (string?)claim.At("spec.storageClassName");
        if (className == null)
        {
            className = await DefaultClassAsync(cancellationToken);
            if (className == null) return ReconcileResult.Done;
            await PatchAsync(claim, new JsonObject { ["spec"] = new JsonObject { ["storageClassName"] = className } }, null, cancellationToken);
        }

        if (await client.GetAsync(ResourceTypes.StorageClasses, null, className, cancellationToken) is not { } storageClass) return ReconcileResult.Done;
        await BindAsync(claim, storageClass, cancellationToken);
        return ReconcileResult.Done;
    }

    private async Task BindAsync(JsonObject claim, JsonObject storageClass, CancellationToken cancellationToken)
    {
        string volume = $"pvc-{claim.Uid()}";
        Directory.CreateDirectory(paths.Volume(volume));
        JsonNode? capacity = new JsonObject { ["storage"] = claim.At("spec.resources.requests.storage")?.DeepClone() ?? "1Gi" };
        try
        {
            await client.CreateAsync(ResourceTypes.PersistentVolumes, new JsonObject
            {
                ["apiVersion"] = "v1",
                ["kind"] = "PersistentVolume",
                ["metadata"] = new JsonObject { ["name"] = volume },
                ["spec"] = new JsonObject
                {
                    ["capacity"] = capacity.DeepClone(),
                    ["accessModes"] = claim.At("spec.accessModes")?.DeepClone(),
                    ["persistentVolumeReclaimPolicy"] = (string?)storageClass["reclaimPolicy"] ?? "Delete",
                    ["storageClassName"] = storageClass.Name(),
                    ["hostPath"] = new JsonObject { ["path"] = paths.Volume(volume) },
                    ["claimRef"] = new JsonObject
                    {
                        ["apiVersion"] = "v1",
                        ["kind"] = "PersistentVolumeClaim",
                        ["namespace"] = claim.Namespace(),
                        ["name"] = claim.Name(),
                        ["uid"] = claim.Uid(),
                    },
                },
            }, null, cancellationToken);
            await client.PatchAsync(
                ResourceTypes.PersistentVolumes, null, volume, KubernetesPatch.Merge, new JsonObject { ["status"] = new JsonObject { ["phase"] = "Bound" } }, "status", "local-cluster",
                cancellationToken);
        }
        catch (KubernetesApiException e) when (e.IsAlreadyExists)
        {
            // Made by an earlier attempt that did not come to its end.
        }

        await PatchAsync(claim, new JsonObject { ["spec"] = new JsonObject { ["volumeName"] = volume } }, null, cancellationToken);
        await PatchAsync(claim, new JsonObject
        {
            ["status"] = new JsonObject { ["phase"] = "Bound", ["accessModes"] = claim.At("spec.accessModes")?.DeepClone(), ["capacity"] = capacity },
        }, "status", cancellationToken);
        logger.LogInformation("Claim {Namespace}/{Name} is bound to {Folder}", claim.Namespace(), claim.Name(), paths.Volume(volume));
    }

    /// <summary>Deletes the volumes of claims that are gone, and their content.</summary>
    private async Task<ReconcileResult> ReleaseAsync(NamespacedName key, CancellationToken cancellationToken)
    {
        foreach (JsonObject volume in (await client.ListAsync(ResourceTypes.PersistentVolumes, null, null, cancellationToken)).Items)
        {
            if ((string?)volume.At("spec.claimRef.namespace") != key.Namespace || (string?)volume.At("spec.claimRef.name") != key.Name) continue;
            if ((string?)volume.At("spec.persistentVolumeReclaimPolicy") != "Delete") continue;
            // The content first: were it the object, a failure in between would leave content that nobody knows.
            Folders.Remove(paths.Volume(volume.Name()));
            await client.DeleteAsync(ResourceTypes.PersistentVolumes, null, volume.Name(), volume.Uid(), null, cancellationToken);
        }

        return ReconcileResult.Done;
    }

    private async Task<string?> DefaultClassAsync(CancellationToken cancellationToken) =>
        (await client.ListAsync(ResourceTypes.StorageClasses, null, null, cancellationToken)).Items
            .FirstOrDefault(c => (string?)c["metadata"]?["annotations"]?[DefaultClass] == "true")?.Name();

    private Task PatchAsync(JsonObject claim, JsonObject patch, string? subresource, CancellationToken cancellationToken) => client.PatchAsync(
        ResourceTypes.PersistentVolumeClaims, claim.Namespace(), claim.Name(), KubernetesPatch.Merge, patch, subresource, "local-cluster", cancellationToken);
}
