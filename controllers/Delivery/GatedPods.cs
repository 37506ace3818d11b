using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Delivery;

/// <summary>
/// Pods that wait at the gate with a template from before the delivery (requirement Q10). They cannot be changed and never ran, so they are replaced:
/// Pods of StatefulSets (which wait for their first Pod before they look at a new template) and DaemonSets (OnDelete does not replace by itself) are deleted;
/// a Job of a CronJob of which nothing runs is deleted and made again from the CronJob's template of now, because its own cannot be changed. A Deployment rolls over by itself.
/// Pods that have what is delivered now, and were stopped because a model had gone (<see cref="Webhook.PodGate"/>), are let through.
/// </summary>
internal sealed class GatedPods(IKubernetesClient client)
{
    /// <summary>
    /// Lets through what has the delivered models, and replaces what is outdated; true when something was replaced, so that the caller looks again.
    /// </summary>
    public async Task<bool> SettleAsync(Workload workload, DeliveryPlan plan, VolumeSet volumes, CancellationToken cancellationToken)
    {
        if (workload.Kind == WorkloadKind.Deployment)
        {
            // Only Pods that were stopped one by one: those of an outdated template go when the Deployment rolls over.
            await ReleaseAsync(await StoppedAsync(workload.Namespace, cancellationToken), plan, volumes, cancellationToken);
            return false;
        }

        KubernetesList pods = await client.ListAsync(ResourceTypes.Pods, workload.Namespace, null, cancellationToken);
        JsonObject[] outdated = await ReleaseAsync(pods.Items.Where(IsWaiting), plan, volumes, cancellationToken);
        return await ReplaceAsync(workload, outdated, pods.Items, cancellationToken);
    }

    /// <summary>
    /// The workload asks for no models any more, and its template has no gate: every Pod of it that waits is outdated. True when one was replaced.
    /// </summary>
    public async Task<bool> LetGoAsync(Workload workload, CancellationToken cancellationToken)
    {
        if (workload.Kind == WorkloadKind.Deployment)
        {
            return false;
        }

        KubernetesList pods = await client.ListAsync(ResourceTypes.Pods, workload.Namespace, null, cancellationToken);
        JsonObject[] waiting = [.. pods.Items.Where(IsWaiting)];
        foreach (JsonObject pod in waiting.Where(pod => OwnerUid(pod) == workload.Uid && KeepsItsRevision(workload, pod) && !DeliveredPod.Is(pod)))
        {
            await OpenAsync(pod, cancellationToken); // it would come back as it is, and it has no use for models either
        }

        return await ReplaceAsync(workload, waiting, pods.Items, cancellationToken);
    }

    private Task<bool> ReplaceAsync(Workload workload, JsonObject[] outdated, IReadOnlyList<JsonObject> pods, CancellationToken cancellationToken) =>
        workload.Kind == WorkloadKind.CronJob
            ? ReplaceJobsAsync(workload, outdated, pods, cancellationToken)
            : DeletePodsAsync(outdated.Where(pod => OwnerUid(pod) == workload.Uid && !KeepsItsRevision(workload, pod)), cancellationToken);

    private async Task<IEnumerable<JsonObject>> StoppedAsync(string ns, CancellationToken cancellationToken)
    {
        var stopped = new KubernetesListOptions { LabelSelector = $"{Labels.PodGate}={Labels.PodGateWaiting}" };
        return (await client.ListAsync(ResourceTypes.Pods, ns, stopped, cancellationToken)).Items.Where(IsWaiting);
    }

    /// <summary>
    /// Takes the gate off every Pod that has exactly what the plan delivers, whichever workload it is of: all of these models are Ready. Gives the others.
    /// </summary>
    private async Task<JsonObject[]> ReleaseAsync(IEnumerable<JsonObject> waiting, DeliveryPlan plan, VolumeSet volumes, CancellationToken cancellationToken)
    {
        var others = new List<JsonObject>();
        foreach (JsonObject pod in waiting)
        {
            if (DeliveredPod.Has(pod, plan, volumes))
            {
                await OpenAsync(pod, cancellationToken);
            }
            else
            {
                others.Add(pod);
            }
        }

        return [.. others];
    }

    private async Task OpenAsync(JsonObject pod, CancellationToken cancellationToken)
    {
        JsonArray patch = SchedulingGate.RemovalPatch("", pod);
        if (pod["metadata"]?["labels"] is JsonObject labels && labels.ContainsKey(Labels.PodGate))
        {
            patch.Add(new JsonObject { ["op"] = "remove", ["path"] = $"/metadata/labels/{Labels.PodGate.Replace("/", "~1", StringComparison.Ordinal)}" });
        }

        try
        {
            await client.PatchAsync(
                ResourceTypes.Pods, (string?)pod["metadata"]?["namespace"], (string)pod["metadata"]!["name"]!, KubernetesPatch.Json, patch, null, FieldManagers.Delivery, cancellationToken);
        }
        catch (KubernetesApiException e) when (e.StatusCode is 404 or 422)
        {
            // Gone meanwhile, or its gates changed meanwhile: then its change brings us here again.
        }
    }

    /// <summary>Our gate is still on, so the Pod was never scheduled: nothing of it ever ran.</summary>
    private static bool IsWaiting(JsonObject pod) =>
        SchedulingGate.IsOn(pod) && pod["metadata"]?["deletionTimestamp"] is null && string.IsNullOrEmpty((string?)pod["spec"]?["nodeName"]);

    /// <summary>
    /// A StatefulSet makes the Pods below its partition from its earlier revision, however often they are deleted
    /// (https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#partitions).
    /// </summary>
    private static bool KeepsItsRevision(Workload workload, JsonObject pod)
    {
        JsonNode? spec = workload.Document["spec"];
        string name = (string)pod["metadata"]!["name"]!;
        return (long?)spec?["updateStrategy"]?["rollingUpdate"]?["partition"] is { } partition
            && long.TryParse(name.AsSpan(name.LastIndexOf('-') + 1), out long ordinal)
            && ordinal < partition + ((long?)spec["ordinals"]?["start"] ?? 0);
    }

    private static string? OwnerUid(JsonObject obj) =>
        (string?)(obj["metadata"]?["ownerReferences"] as JsonArray)?.FirstOrDefault(owner => (bool?)owner?["controller"] == true)?["uid"];

    private async Task<bool> DeletePodsAsync(IEnumerable<JsonObject> pods, CancellationToken cancellationToken)
    {
        bool any = false;
        foreach (JsonObject pod in pods)
        {
            any = true;
            await DeleteAsync(ResourceTypes.Pods, pod, cancellationToken);
        }

        return any;
    }

    private async Task<bool> ReplaceJobsAsync(Workload workload, JsonObject[] waiting, IReadOnlyList<JsonObject> pods, CancellationToken cancellationToken)
    {
        var gated = waiting.Select(OwnerUid).ToHashSet();
        KubernetesList jobs = await client.ListAsync(ResourceTypes.Jobs, workload.Namespace, null, cancellationToken);
        bool any = false;
        foreach (JsonObject job in jobs.Items.Where(job => OwnerUid(job) == workload.Uid && gated.Contains((string?)job["metadata"]?["uid"])))
        {
            any = true;
            string? uid = (string?)job["metadata"]?["uid"];
            bool nothingRuns = pods.Where(pod => OwnerUid(pod) == uid).All(pod => SchedulingGate.IsOn(pod) || (string?)pod["status"]?["phase"] is "Succeeded" or "Failed");
            if (nothingRuns && job["metadata"]?["deletionTimestamp"] is null)
            {
                await CreateReplacementAsync(workload, job, cancellationToken);
                await DeleteAsync(ResourceTypes.Jobs, job, cancellationToken);
            }
        }

        return any;
    }

    private async Task CreateReplacementAsync(Workload cronJob, JsonObject outdated, CancellationToken cancellationToken)
    {
        JsonNode template = cronJob.Document["spec"]!["jobTemplate"]!;
        string name = (string)outdated["metadata"]!["name"]!;
        var metadata = new JsonObject
        {
            // From the outdated Job's uid: a repetition of this step makes no second one. 52 characters leave room for the Pods' suffix.
            ["name"] = $"{(name.Length > 52 ? name[..52] : name)}-{Hashing.Short((string)outdated["metadata"]!["uid"]!)}",
            ["namespace"] = cronJob.Namespace,
            ["labels"] = template["metadata"]?["labels"]?.DeepClone() ?? new JsonObject(),
            ["annotations"] = outdated["metadata"]?["annotations"]?.DeepClone() ?? new JsonObject(),
            ["ownerReferences"] = new JsonArray(new JsonObject
            {
                ["apiVersion"] = cronJob.Kind.Type.ApiVersion,
                ["kind"] = cronJob.Kind.Type.Kind,
                ["name"] = cronJob.Name,
                ["uid"] = cronJob.Uid,
                ["controller"] = true, // no blockOwnerDeletion: some clusters ask for a right to the owner's finalizers then
            }),
        };
        try
        {
            await client.CreateAsync(
                ResourceTypes.Jobs,
                new JsonObject { ["apiVersion"] = "batch/v1", ["kind"] = "Job", ["metadata"] = metadata, ["spec"] = template["spec"]!.DeepClone() },
                FieldManagers.Delivery,
                cancellationToken);
        }
        catch (KubernetesApiException e) when (e.IsAlreadyExists)
        {
            // Made by an earlier try that died before the deletion.
        }
    }

    /// <summary>By uid, so that a namesake made meanwhile is not hit.</summary>
    private Task DeleteAsync(ResourceType type, JsonObject obj, CancellationToken cancellationToken) => client.DeleteAsync(
        type, (string?)obj["metadata"]?["namespace"], (string)obj["metadata"]!["name"]!, (string?)obj["metadata"]?["uid"], "Background", cancellationToken);
}
