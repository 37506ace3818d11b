using System.Text.Json.Nodes;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Delivery.SharedPvc;

/// <summary>
/// Who may mount a workload's claim: Pods that are there, and Pods that Kubernetes may still make of a template from before. A rollout that is paused, partitioned or
/// slow makes its last old Pod again when that is drained.
/// </summary>
internal sealed class ClaimUsers(IKubernetesClient client)
{
    /// <summary>Pods of the namespace and templates of the workload: documents with a Pod's spec.</summary>
    public async Task<IReadOnlyList<JsonObject>> ListAsync(Workload workload, CancellationToken cancellationToken) =>
        [.. await ItemsAsync(ResourceTypes.Pods, workload, cancellationToken), .. await TemplatesAsync(workload, cancellationToken)];

    private async Task<IEnumerable<JsonObject>> TemplatesAsync(Workload workload, CancellationToken cancellationToken)
    {
        if (workload.Kind == WorkloadKind.Deployment)
        {
            return (await OwnedAsync(ResourceTypes.ReplicaSets, workload, cancellationToken))
                .Where(set => (long?)set["spec"]?["replicas"] != 0).Select(set => set["spec"]?["template"]).OfType<JsonObject>();
        }

        if (workload.Kind == WorkloadKind.StatefulSet && (string?)workload.Document["spec"]?["updateStrategy"]?["type"] != "OnDelete")
        {
            // The one that Pods below the partition, and those that a rollout has not reached, are made of. With OnDelete each new Pod is of the newest, whatever the status says.
            var current = (string?)workload.Document["status"]?["currentRevision"];
            return (await OwnedAsync(ResourceTypes.ControllerRevisions, workload, cancellationToken))
                .Where(revision => (string?)revision["metadata"]?["name"] == current).Select(revision => revision["data"]?["spec"]?["template"]).OfType<JsonObject>();
        }

        if (workload.Kind == WorkloadKind.CronJob)
        {
            return (await OwnedAsync(ResourceTypes.Jobs, workload, cancellationToken))
                .Where(job => JobState.Of(job) is { IsComplete: false, IsFailed: false }).Select(job => job["spec"]?["template"]).OfType<JsonObject>();
        }

        return []; // A DaemonSet makes Pods of its template of now alone.
    }

    private async Task<IEnumerable<JsonObject>> OwnedAsync(ResourceType type, Workload workload, CancellationToken cancellationToken) =>
        (await ItemsAsync(type, workload, cancellationToken))
            .Where(item => (item["metadata"]?["ownerReferences"] as JsonArray)?.Any(owner => (string?)owner?["uid"] == workload.Uid) == true);

    private async Task<IReadOnlyList<JsonObject>> ItemsAsync(ResourceType type, Workload workload, CancellationToken cancellationToken) =>
        (await client.ListAsync(type, workload.Namespace, null, cancellationToken)).Items;
}
