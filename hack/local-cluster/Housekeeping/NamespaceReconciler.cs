using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Storage;
using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Runtime;
using AiModels.Hosting.Kubernetes;
using AiModels.LocalCluster.Host;
using AiModels.LocalCluster.Host.Strategies;

namespace AiModels.LocalCluster.Housekeeping;

/// <summary>Gives every namespace its default ServiceAccount, and empties a namespace before it goes.</summary>
internal sealed class NamespaceReconciler(OwnerGraph graph, HostTypes types, IKubernetesClient client, LocalClusterOptions options) : IReconciler<NamespacedName>
{
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(500);

    public async Task<ReconcileResult> ReconcileAsync(NamespacedName key, CancellationToken cancellationToken)
    {
        JsonObject? ns = await client.GetAsync(ResourceTypes.Namespaces, null, key.Name, cancellationToken);
        if (ns == null) return ReconcileResult.Done;
        if (!ns.IsDeleting())
        {
            await EnsureServiceAccountAsync(key.Name, cancellationToken);
            return ReconcileResult.Done;
        }

        if (ns.Phase() != "Terminating")
        {
            await client.PatchAsync(
                ResourceTypes.Namespaces, null, key.Name, KubernetesPatch.Merge, new JsonObject { ["status"] = new JsonObject { ["phase"] = "Terminating" } },
                "status", "local-cluster", cancellationToken);
        }

        int left = await EmptyAsync(key.Name, cancellationToken);
        if (left > 0) return ReconcileResult.After(LookAgain);
        var kept = new JsonArray([.. ns.Finalizers().Where(f => f != NamespaceStrategy.Finalizer).Select(f => JsonValue.Create(f))]);
        await client.PatchAsync(
            ResourceTypes.Namespaces, null, key.Name, KubernetesPatch.Merge, new JsonObject { ["metadata"] = new JsonObject { ["finalizers"] = kept } },
            null, "local-cluster", cancellationToken);
        return ReconcileResult.Done;
    }

    /// <summary>Deletes what is left in a namespace and returns how much that was.</summary>
    private async Task<int> EmptyAsync(string ns, CancellationToken cancellationToken)
    {
        int left = 0;
        if (!options.Without.Contains("apiserver"))
        {
            foreach (JsonObject model in (await client.ListAsync(ResourceTypes.Models, ns, null, cancellationToken)).Items)
            {
                left++;
                if (!model.IsDeleting()) await client.DeleteAsync(ResourceTypes.Models, ns, model.Name(), model.Uid(), null, cancellationToken);
            }
        }

        foreach (OwnedObject obj in graph.InNamespace(ns).Where(obj => obj.Key.Group != GroupVersion.Group))
        {
            left++;
            if (!obj.IsDeleting && types.Find(obj.Key) is { } type) await client.DeleteAsync(type, ns, obj.Key.Name, obj.Uid, "Background", cancellationToken);
        }

        return left;
    }

    private async Task EnsureServiceAccountAsync(string ns, CancellationToken cancellationToken)
    {
        if (graph.Get(new ObjectKey("", "serviceaccounts", ns, "default")) != null) return;
        try
        {
            await client.CreateAsync(ResourceTypes.ServiceAccounts, new JsonObject
            {
                ["apiVersion"] = "v1",
                ["kind"] = "ServiceAccount",
                ["metadata"] = new JsonObject { ["name"] = "default", ["namespace"] = ns },
            }, null, cancellationToken);
        }
        catch (KubernetesApiException e) when (e.IsAlreadyExists)
        {
            // The graph is a moment behind: it is there.
        }
    }
}
