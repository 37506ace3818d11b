using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Storage;
using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Runtime;
using AiModels.Hosting.Kubernetes;
using AiModels.LocalCluster.Host;

namespace AiModels.LocalCluster.Housekeeping;

/// <summary>
/// Deletes what has lost all of its owners, and carries out foreground and orphan deletion
/// (https://kubernetes.io/docs/concepts/architecture/garbage-collection/). Objects of the AI Models API live in another store, whose feed is a moment behind or
/// ahead: as owners they are asked for by name, and they are not deleted for want of an owner.
/// </summary>
internal sealed class GarbageCollector(OwnerGraph graph, HostTypes types, IKubernetesClient client) : IReconciler<ObjectKey>
{
    private const string Foreground = "foregroundDeletion";
    private const string Orphan = "orphan";

    public async Task<ReconcileResult> ReconcileAsync(ObjectKey key, CancellationToken cancellationToken)
    {
        if (graph.Get(key) is not { } obj || types.Find(key) is not { } type) return ReconcileResult.Done;
        if (obj.IsDeleting && obj.Finalizers.Contains(Orphan)) return await OrphanAsync(type, obj, cancellationToken);
        if (obj.IsDeleting && obj.Finalizers.Contains(Foreground)) return await ForegroundAsync(type, obj, cancellationToken);
        if (obj.IsDeleting || obj.Owners.Count == 0 || key.Group == GroupVersion.Group) return ReconcileResult.Done;
        foreach (OwnerReference owner in obj.Owners)
            if (await ExistsAsync(owner, key.Namespace, cancellationToken)) return ReconcileResult.Done;
        await client.DeleteAsync(type, key.Namespace, key.Name, obj.Uid, "Background", cancellationToken);
        return ReconcileResult.Done;
    }

    private async Task<ReconcileResult> ForegroundAsync(ResourceType type, OwnedObject owner, CancellationToken cancellationToken)
    {
        IReadOnlyList<OwnedObject> dependents = graph.DependentsOf(owner.Uid);
        foreach (OwnedObject dependent in dependents.Where(d => !d.IsDeleting))
        {
            if (types.Find(dependent.Key) is { } dependentType)
                await client.DeleteAsync(dependentType, dependent.Key.Namespace, dependent.Key.Name, dependent.Uid, "Foreground", cancellationToken);
        }

        // The last dependent's disappearance brings the owner back here.
        if (dependents.Count == 0) await RemoveFinalizerAsync(type, owner, Foreground, cancellationToken);
        return ReconcileResult.Done;
    }

    private async Task<ReconcileResult> OrphanAsync(ResourceType type, OwnedObject owner, CancellationToken cancellationToken)
    {
        foreach (OwnedObject dependent in graph.DependentsOf(owner.Uid))
        {
            if (types.Find(dependent.Key) is not { } dependentType) continue;
            JsonObject? live = await client.GetAsync(dependentType, dependent.Key.Namespace, dependent.Key.Name, cancellationToken);
            if (live == null) continue;
            var kept = new JsonArray([.. live.Items("metadata.ownerReferences").Where(o => (string?)o["uid"] != owner.Uid).Select(o => o.DeepClone())]);
            await PatchMetadataAsync(dependentType, dependent.Key, new JsonObject { ["ownerReferences"] = kept, ["resourceVersion"] = (string?)live["metadata"]?["resourceVersion"] }, cancellationToken);
        }

        await RemoveFinalizerAsync(type, owner, Orphan, cancellationToken);
        return ReconcileResult.Done;
    }

    private async Task RemoveFinalizerAsync(ResourceType type, OwnedObject obj, string finalizer, CancellationToken cancellationToken)
    {
        JsonObject? live = await client.GetAsync(type, obj.Key.Namespace, obj.Key.Name, cancellationToken);
        if (live == null || live.Uid() != obj.Uid) return;
        var kept = new JsonArray([.. live.Finalizers().Where(f => f != finalizer).Select(f => JsonValue.Create(f))]);
        await PatchMetadataAsync(type, obj.Key, new JsonObject { ["finalizers"] = kept, ["resourceVersion"] = (string?)live["metadata"]?["resourceVersion"] }, cancellationToken);
    }

    private Task PatchMetadataAsync(ResourceType type, ObjectKey key, JsonObject metadata, CancellationToken cancellationToken) => client.PatchAsync(
        type, key.Namespace, key.Name, KubernetesPatch.Merge, new JsonObject { ["metadata"] = metadata }, null, "local-cluster", cancellationToken);

    private async Task<bool> ExistsAsync(OwnerReference owner, string ns, CancellationToken cancellationToken)
    {
        if (!owner.ApiVersion.StartsWith(GroupVersion.Group + "/", StringComparison.Ordinal)) return graph.GetByUid(owner.Uid) != null;
        ResourceType? type = owner.Kind switch
        {
            GroupVersion.ModelKind => ResourceTypes.Models,
            GroupVersion.ClusterModelKind => ResourceTypes.ClusterModels,
            GroupVersion.ModelCatalogSourceKind => ResourceTypes.ModelCatalogSources,
            _ => null,
        };
        // An owner of a kind that nobody knows is taken to exist: nothing is deleted by mistake.
        return type == null || (await client.GetAsync(type, ns, owner.Name, cancellationToken))?.Uid() == owner.Uid;
    }
}
