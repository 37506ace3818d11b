using System.Text.Json.Nodes;
using AiModels.Controllers.Runtime;
using AiModels.Hosting.Kubernetes;

namespace AiModels.LocalCluster.Workloads;

/// <summary>
/// Deployment -> one ReplicaSet per template. A changed template gets a new ReplicaSet; the old ones give up Pods that are not ready at once (a gated Pod serves
/// nobody) and ready ones as the new ones become ready. Strategy Recreate empties the old ones first.
/// </summary>
internal sealed class DeploymentReconciler(WorkloadApi api, TimeProvider time) : IReconciler<NamespacedName>
{
    private const string TemplateHash = "pod-template-hash";
    private const string Revision = "deployment.kubernetes.io/revision";

    public async Task<ReconcileResult> ReconcileAsync(NamespacedName key, CancellationToken cancellationToken)
    {
        JsonObject? deployment = await api.GetAsync(ResourceTypes.Deployments, key.Namespace, key.Name, cancellationToken);
        if (deployment == null || deployment.IsDeleting()) return ReconcileResult.Done;

        IReadOnlyList<JsonObject> sets = await api.OwnedAsync(ResourceTypes.ReplicaSets, deployment, cancellationToken);
        string hash = Documents.Hash(deployment.At("spec.template"));
        JsonObject? current = sets.FirstOrDefault(s => s.Label(TemplateHash) == hash);
        List<JsonObject> old = [.. sets.Where(s => s != current)];
        int wanted = deployment.Int("spec.replicas", 1);
        bool paused = (bool?)deployment.At("spec.paused") == true;
        if (!paused)
        {
            bool mayStart = (string?)deployment.At("spec.strategy.type") != "Recreate" || old.All(s => s.Int("status.replicas") == 0);
            if (current == null) current = await CreateSetAsync(deployment, hash, mayStart ? wanted : 0, sets, cancellationToken);
            else if (mayStart) await ScaleAsync(current, wanted, cancellationToken);
            await ScaleDownAsync(deployment, old, wanted - current.Int("status.readyReplicas"), cancellationToken);
            await ForgetAsync(deployment, old, cancellationToken);
        }

        await WriteStatusAsync(deployment, current, old, wanted, cancellationToken);
        return ReconcileResult.Done;
    }

    private Task<JsonObject> CreateSetAsync(JsonObject deployment, string hash, int replicas, IReadOnlyList<JsonObject> sets, CancellationToken cancellationToken)
    {
        JsonObject template = deployment.At("spec.template").Copy();
        Labels(template)[TemplateHash] = hash;
        JsonObject selector = deployment.At("spec.selector").Copy();
        JsonObject matchLabels = selector["matchLabels"].Copy();
        matchLabels[TemplateHash] = hash;
        selector["matchLabels"] = matchLabels;
        int revision = sets.Select(s => int.TryParse((string?)s["metadata"]?["annotations"]?[Revision], out int r) ? r : 0).DefaultIfEmpty().Max() + 1;
        return api.CreateAsync(ResourceTypes.ReplicaSets, new JsonObject
        {
            ["apiVersion"] = "apps/v1",
            ["kind"] = "ReplicaSet",
            ["metadata"] = new JsonObject
            {
                ["name"] = $"{deployment.Name()}-{hash}",
                ["namespace"] = deployment.Namespace(),
                ["labels"] = Labels(template).Copy(),
                ["annotations"] = new JsonObject { [Revision] = revision.ToString(System.Globalization.CultureInfo.InvariantCulture) },
                ["ownerReferences"] = Documents.OwnedBy(deployment),
            },
            ["spec"] = new JsonObject { ["replicas"] = replicas, ["selector"] = selector, ["template"] = template },
        }, cancellationToken);
    }

    /// <summary>Lets old ReplicaSets keep only ready Pods, and together only as many as the new one still lacks.</summary>
    private async Task ScaleDownAsync(JsonObject deployment, IEnumerable<JsonObject> old, int lacking, CancellationToken cancellationToken)
    {
        bool recreate = (string?)deployment.At("spec.strategy.type") == "Recreate";
        foreach (JsonObject set in old.Reverse())
        {
            int keep = recreate ? 0 : Math.Clamp(Math.Min(set.Int("status.readyReplicas"), lacking), 0, set.Int("spec.replicas", 1));
            lacking -= keep;
            await ScaleAsync(set, keep, cancellationToken);
        }
    }

    private async Task ForgetAsync(JsonObject deployment, IReadOnlyList<JsonObject> old, CancellationToken cancellationToken)
    {
        int limit = deployment.Int("spec.revisionHistoryLimit", 10);
        foreach (JsonObject set in old.Where(s => s.Int("spec.replicas", 1) == 0 && s.Int("status.replicas") == 0).SkipLast(limit))
            await api.DeleteAsync(ResourceTypes.ReplicaSets, set, cancellationToken);
    }

    private Task ScaleAsync(JsonObject set, int replicas, CancellationToken cancellationToken) => set.Int("spec.replicas", 1) == replicas
        ? Task.CompletedTask
        : api.MergeAsync(ResourceTypes.ReplicaSets, set, new JsonObject { ["spec"] = new JsonObject { ["replicas"] = replicas } }, null, cancellationToken);

    private Task WriteStatusAsync(JsonObject deployment, JsonObject? current, IReadOnlyList<JsonObject> old, int wanted, CancellationToken cancellationToken)
    {
        int updated = current.Int("status.replicas"), ready = current.Int("status.readyReplicas") + old.Sum(s => s.Int("status.readyReplicas"));
        int total = updated + old.Sum(s => s.Int("status.replicas"));
        bool complete = updated == wanted && total == wanted && ready == wanted;
        JsonArray conditions = Conditions.With(
            deployment.At("status.conditions"), "Available", ready >= wanted, ready >= wanted ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
            ready >= wanted ? "Deployment has minimum availability." : "Deployment does not have minimum availability.", time);
        conditions = Conditions.With(
            conditions, "Progressing", true, complete ? "NewReplicaSetAvailable" : "ReplicaSetUpdated",
            $"ReplicaSet \"{current?.Name()}\" {(complete ? "has successfully progressed." : "is progressing.")}", time);
        return api.SetStatusAsync(ResourceTypes.Deployments, deployment, new JsonObject
        {
            ["observedGeneration"] = deployment["metadata"]?["generation"]?.DeepClone(),
            ["replicas"] = total,
            ["updatedReplicas"] = updated,
            ["readyReplicas"] = ready,
            ["availableReplicas"] = ready,
            ["unavailableReplicas"] = Math.Max(0, wanted - ready),
            ["conditions"] = conditions,
        }, cancellationToken);
    }

    private static JsonObject Labels(JsonObject template)
    {
        if (template["metadata"] is not JsonObject metadata) template["metadata"] = metadata = [];
        if (metadata["labels"] is not JsonObject labels) metadata["labels"] = labels = [];
        return labels;
    }
}
