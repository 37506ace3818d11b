using System.Text.Json.Nodes;
using AiModels.Controllers.Runtime;
using AiModels.Hosting.Kubernetes;

namespace AiModels.LocalCluster.Workloads;

/// <summary>StatefulSet -> Pods NAME-0, NAME-1 … with their claims, started in order; a changed template replaces them from the last to the first.</summary>
internal sealed class StatefulSetReconciler(WorkloadApi api) : IReconciler<NamespacedName>
{
    private const string RevisionLabel = "controller-revision-hash";

    public async Task<ReconcileResult> ReconcileAsync(NamespacedName key, CancellationToken cancellationToken)
    {
        JsonObject? set = await api.GetAsync(ResourceTypes.StatefulSets, key.Namespace, key.Name, cancellationToken);
        if (set == null || set.IsDeleting()) return ReconcileResult.Done;

        int wanted = set.Int("spec.replicas", 1);
        string revision = $"{set.Name()}-{Documents.Hash(set.At("spec.template"))}";
        Dictionary<string, JsonObject> pods = (await api.OwnedAsync(ResourceTypes.Pods, set, cancellationToken)).ToDictionary(p => p.Name());
        await StartAsync(set, pods, wanted, revision, cancellationToken);
        await ReplaceAsync(set, pods, wanted, revision, cancellationToken);

        List<JsonObject> live = [.. pods.Values.Where(p => !p.IsDeleting())];
        int ready = live.Count(p => p.IsPodReady());
        await api.SetStatusAsync(ResourceTypes.StatefulSets, set, new JsonObject
        {
            ["observedGeneration"] = set["metadata"]?["generation"]?.DeepClone(),
            ["replicas"] = live.Count,
            ["readyReplicas"] = ready,
            ["availableReplicas"] = ready,
            ["currentReplicas"] = live.Count,
            ["updatedReplicas"] = live.Count(p => p.Label(RevisionLabel) == revision),
            ["currentRevision"] = revision,
            ["updateRevision"] = revision,
        }, cancellationToken);
        return ReconcileResult.Done;
    }

    /// <summary>Creates the first Pod that is missing; later ones wait until it is ready, unless the set is Parallel.</summary>
    private async Task StartAsync(JsonObject set, Dictionary<string, JsonObject> pods, int wanted, string revision, CancellationToken cancellationToken)
    {
        bool parallel = (string?)set.At("spec.podManagementPolicy") == "Parallel";
        for (int ordinal = 0; ordinal < wanted; ordinal++)
        {
            if (pods.TryGetValue($"{set.Name()}-{ordinal}", out JsonObject? pod))
            {
                if (parallel || pod.IsPodReady()) continue;
                return;
            }

            await CreateAsync(set, ordinal, revision, cancellationToken);
            if (!parallel) return;
        }
    }

    /// <summary>Removes surplus Pods and one outdated Pod at a time: from the last, the next when that one is ready again or was not ready anyway.</summary>
    private async Task ReplaceAsync(JsonObject set, Dictionary<string, JsonObject> pods, int wanted, string revision, CancellationToken cancellationToken)
    {
        foreach (JsonObject pod in pods.Values.Where(p => !p.IsDeleting()).OrderByDescending(p => Ordinal(set, p)))
        {
            bool outdated = pod.Label(RevisionLabel) != revision && (string?)set.At("spec.updateStrategy.type") != "OnDelete";
            if (Ordinal(set, pod) >= wanted || outdated)
            {
                await api.DeleteAsync(ResourceTypes.Pods, pod, cancellationToken);
                return;
            }

            if (!pod.IsPodReady()) return;
        }
    }

    private async Task CreateAsync(JsonObject set, int ordinal, string revision, CancellationToken cancellationToken)
    {
        string name = $"{set.Name()}-{ordinal}";
        foreach (JsonObject claim in set.Items("spec.volumeClaimTemplates")) await EnsureClaimAsync(set, claim, name, cancellationToken);
        await api.CreatePodAsync(set, set.At("spec.template"), name, pod =>
        {
            if (pod["metadata"]!["labels"] is not JsonObject labels) pod["metadata"]!["labels"] = labels = [];
            labels[RevisionLabel] = revision;
            labels["statefulset.kubernetes.io/pod-name"] = name;
            if (pod["spec"]!["volumes"] is not JsonArray volumes) pod["spec"]!["volumes"] = volumes = [];
            foreach (JsonObject claim in set.Items("spec.volumeClaimTemplates"))
                volumes.Add(new JsonObject { ["name"] = claim.Name(), ["persistentVolumeClaim"] = new JsonObject { ["claimName"] = $"{claim.Name()}-{name}" } });
        }, cancellationToken);
    }

    private async Task EnsureClaimAsync(JsonObject set, JsonObject template, string pod, CancellationToken cancellationToken)
    {
        string name = $"{template.Name()}-{pod}";
        if (await api.GetAsync(ResourceTypes.PersistentVolumeClaims, set.Namespace(), name, cancellationToken) != null) return;
        await api.CreateAsync(ResourceTypes.PersistentVolumeClaims, new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "PersistentVolumeClaim",
            ["metadata"] = new JsonObject { ["name"] = name, ["namespace"] = set.Namespace() },
            ["spec"] = template["spec"].Copy(),
        }, cancellationToken);
    }

    private static int Ordinal(JsonObject set, JsonObject pod) => int.TryParse(pod.Name()[(set.Name().Length + 1)..], out int ordinal) ? ordinal : int.MaxValue;
}
