using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Contracts.WellKnown;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Delivery.SharedPvc;

/// <summary>
/// Models on one claim per workload that all of its Pods share, each written by a Job into a folder named after its digest (requirement D4).
/// Prepared when every Job has completed.
/// </summary>
internal sealed class SharedPvcMode(
    IKubernetesClient client, SharedClaim claims, StaleContent stale, ClaimUsers users, MaterializerGrants grants, DeliveryOptions options, TimeProvider time) : IDeliveryMode
{
    public const string ModeName = "SharedPVC";

    // A Job has its own six tries with growing delays; after that only a changed world helps, so a new one is not hurried.
    private static readonly TimeSpan FailedJobLife = TimeSpan.FromMinutes(2);

    // A claim that is bound by its first Pod, an image that is pulled: by then most Pods run, and nobody needs to hear of it.
    private static readonly TimeSpan PodPatience = TimeSpan.FromMinutes(1);

    public string Name => ModeName;

    public async Task<DeliveryOutcome> PrepareAsync(Workload workload, IReadOnlyList<ModelFact> models, CancellationToken cancellationToken)
    {
        try
        {
            return await FillAsync(workload, models, cancellationToken);
        }
        catch (KubernetesApiException e) when (Refusal.Is(e))
        {
            return Refusal.Held(e);
        }
    }

    public VolumeSet Volumes(DeliveryPlan plan) => new(
        [new JsonObject { ["name"] = VolumeSet.NamePrefix, ["persistentVolumeClaim"] = new JsonObject { ["claimName"] = plan.Claim } }],
        [.. plan.Models.Select(model => new ModelMount(model.Name, VolumeSet.NamePrefix, model.DigestHex))]);

    public async Task CleanupAsync(Workload workload, CancellationToken cancellationToken)
    {
        await RemoveOthersAsync(workload, [], cancellationToken);
        await claims.DeleteAsync(workload, cancellationToken);
    }

    /// <summary>Brings the claim to hold the models.</summary>
    private async Task<DeliveryOutcome> FillAsync(Workload workload, IReadOnlyList<ModelFact> models, CancellationToken cancellationToken)
    {
        (ClaimContent? claim, DeliveryOutcome.Held? problem) = await claims.EnsureAsync(workload, models, cancellationToken);
        if (claim is null)
        {
            return problem!;
        }

        claim = await stale.SettleAsync(workload, claim, cancellationToken);
        await RemoveOthersAsync(workload, [.. models.Select(model => MaterializerJob.NameFor(workload, model.Delivered)), .. StaleContent.Jobs(workload, claim)], cancellationToken);
        var waiting = new List<DeliveryOutcome.Held>();
        foreach (ModelFact model in models)
        {
            (claim, DeliveryOutcome.Held? held) = await MaterializeAsync(workload, model, models, claim, cancellationToken);
            if (held is not null)
            {
                waiting.Add(held);
            }
        }

        await stale.BeginAsync(workload, claim, models.Select(model => model.Delivered.Digest).Concat(EarlierDelivery.Digests(workload)), cancellationToken);
        if (!claim.IsOurs && waiting.Count == 0 && EarlierDelivery.Mounts(workload, claim.Name))
        {
            await RemoveOwnClaimAsync(workload, cancellationToken);
        }

        return waiting.Count == 0
            ? new DeliveryOutcome.Prepared(new DeliveryPlan(ModeName, claim.Name, [.. models.Select(model => model.Delivered)]) { ClaimUid = claim.Uid })
            : new DeliveryOutcome.Held(
                waiting[0].Reason, string.Join("; ", waiting.Select(held => held.Message)), waiting.Any(held => held.IsWarning), waiting.Min(held => held.LookAgain))
            {
                IsLost = EarlierDelivery.IsLost(workload, claim),
            };
    }

    /// <summary>Sees to one model's Job. Nothing is held when the claim has the model; the claim is given back with what is known of it by then.</summary>
    private async Task<(ClaimContent Claim, DeliveryOutcome.Held? Held)> MaterializeAsync(
        Workload workload, ModelFact model, IReadOnlyList<ModelFact> models, ClaimContent claim, CancellationToken cancellationToken)
    {
        string name = MaterializerJob.NameFor(workload, model.Delivered);
        if (claim.Held.ContainsKey(model.Delivered.Digest))
        {
            return (claim, null);
        }

        if (StaleContent.Obstacle(model, claim) is { } obstacle)
        {
            return (claim, obstacle);
        }

        JsonObject? job = await client.GetAsync(ResourceTypes.Jobs, workload.Namespace, name, cancellationToken);
        if (job is null)
        {
            // The Secret goes with the Job, so the Job is first; its Pod waits for the Secret.
            RegistryGrantStatus grant = await grants.AskAsync(workload, model, name, cancellationToken);
            job = await client.CreateAsync(ResourceTypes.Jobs, MaterializerJob.Job(workload, model, claim, grant, options), FieldManagers.Delivery, cancellationToken);
            await grants.PutAsync(workload, job, grant, cancellationToken);
            return (claim, Waiting(model, name));
        }

        if (MaterializerJob.ClaimOf(job) != claim.Uid)
        {
            // Its work says nothing of this claim, however it ended: the workload names another by now, or this one was made anew.
            string why = MaterializerJob.ClaimOf(job) is null ? "does not say which claim it writes to" : "writes to another claim than the workload has now";
            return (claim, await ReplaceAsync(workload, model, job, why, cancellationToken));
        }

        JobState state = JobState.Of(job);
        if (state.IsComplete)
        {
            await grants.RemoveAsync(workload, name, cancellationToken);
            return (await claims.RecordAsync(workload, claim, model, cancellationToken), null);
        }

        if (MaterializerJob.ModelOf(job) is { } read && read != model.Uid)
        {
            return (claim, await LeaveOrReplaceAsync(workload, model, models.Any(other => other.Uid == read), job, cancellationToken));
        }

        if (state.IsFailed)
        {
            return (claim, await RetryFailedAsync(workload, model, job, state, cancellationToken));
        }

        await grants.RenewAsync(workload, model, job, cancellationToken);
        return (claim, await ObstacleAsync(workload, model, job, cancellationToken) ?? Waiting(model, name));
    }

    /// <summary>
    /// The Job brings the same content of another model. When that is one of the workload's as well, it is seen to in that one's turn. Otherwise that is no longer asked for, or gone (deleted,
    /// and perhaps made again with the same content), and with it the repository that the Job reads: it would fail until its tries are used up. What it has brought is gone on from.
    /// </summary>
    private async Task<DeliveryOutcome.Held> LeaveOrReplaceAsync(Workload workload, ModelFact model, bool isOfAnother, JsonObject job, CancellationToken cancellationToken)
    {
        return isOfAnother
            ? Waiting(model, (string)job["metadata"]!["name"]!)
            : await ReplaceAsync(workload, model, job, "reads a model that the workload no longer has", cancellationToken);
    }

    private async Task<DeliveryOutcome.Held> ReplaceAsync(Workload workload, ModelFact model, JsonObject job, string why, CancellationToken cancellationToken)
    {
        string name = (string)job["metadata"]!["name"]!;
        await client.DeleteAsync(ResourceTypes.Jobs, workload.Namespace, name, (string?)job["metadata"]?["uid"], "Background", cancellationToken);
        return new DeliveryOutcome.Held(
            Reasons.ModelNotReady, $"Job {name} {why}, and is made anew for {model.Reference}", IsWarning: false, LookAgain: TimeSpan.FromSeconds(5));
    }

    private async Task<DeliveryOutcome.Held> RetryFailedAsync(Workload workload, ModelFact model, JsonObject job, JobState state, CancellationToken cancellationToken)
    {
        string name = (string)job["metadata"]!["name"]!;
        if (state.FailedAt is null || time.GetUtcNow() - state.FailedAt > FailedJobLife)
        {
            await client.DeleteAsync(ResourceTypes.Jobs, workload.Namespace, name, (string?)job["metadata"]?["uid"], "Background", cancellationToken);
        }

        return new DeliveryOutcome.Held(
            Reasons.ModelNotReady, $"{model.Reference}: Job {name} failed ({state.Message}) and will be made anew; 'kubectl logs job/{name}' tells more", IsWarning: true, FailedJobLife);
    }

    /// <summary>A Job of which the Pod waits for something that somebody must see to; null when it works, or has had no time yet.</summary>
    private async Task<DeliveryOutcome.Held?> ObstacleAsync(Workload workload, ModelFact model, JsonObject job, CancellationToken cancellationToken)
    {
        if (!DateTimeOffset.TryParse((string?)job["metadata"]?["creationTimestamp"], out DateTimeOffset made) || time.GetUtcNow() - made < PodPatience)
        {
            return null;
        }

        var ours = new KubernetesListOptions { LabelSelector = $"{Labels.WorkloadUid}={workload.Uid},{Labels.ManagedBy}={Labels.ManagedByValue}" };
        string? obstacle = (await client.ListAsync(ResourceTypes.Pods, workload.Namespace, ours, cancellationToken)).Items
            .Where(pod => (pod["metadata"]?["ownerReferences"] as JsonArray)?.Any(owner => (string?)owner?["uid"] == (string?)job["metadata"]?["uid"]) == true)
            .Select(PendingPod.Obstacle).FirstOrDefault(words => words is not null);
        return obstacle is null ? null : new DeliveryOutcome.Held(
            Reasons.ModelNotReady, $"{model.Reference} is to be copied by Job {job["metadata"]!["name"]}, and its Pod waits: {obstacle}", IsWarning: true, TimeSpan.FromMinutes(1));
    }

    private static DeliveryOutcome.Held Waiting(ModelFact model, string job) =>
        new(Reasons.ModelNotReady, $"{model.Reference} is being copied by Job {job}", IsWarning: false, TimeSpan.FromMinutes(1));

    /// <summary>The claim of ours that is left when the workload's models are on the user's: as soon as no Pod has it any more and none can be made that would.</summary>
    private async Task RemoveOwnClaimAsync(Workload workload, CancellationToken cancellationToken)
    {
        string name = SharedClaim.NameFor(workload);
        if (await client.GetAsync(ResourceTypes.PersistentVolumeClaims, workload.Namespace, name, cancellationToken) is not null
            && !(await users.ListAsync(workload, cancellationToken)).Any(user => ClaimReaders.Mounts(user, name)))
        {
            await claims.DeleteAsync(workload, cancellationToken);
        }
    }

    /// <summary>Jobs and Secrets for models that the workload no longer asks for.</summary>
    private async Task RemoveOthersAsync(Workload workload, HashSet<string> wanted, CancellationToken cancellationToken)
    {
        var ours = new KubernetesListOptions { LabelSelector = $"{Labels.WorkloadUid}={workload.Uid},{Labels.ManagedBy}={Labels.ManagedByValue}" };
        foreach (JsonObject job in (await client.ListAsync(ResourceTypes.Jobs, workload.Namespace, ours, cancellationToken)).Items)
        {
            string name = (string)job["metadata"]!["name"]!;
            if (!wanted.Contains(name))
            {
                await client.DeleteAsync(ResourceTypes.Jobs, workload.Namespace, name, null, "Background", cancellationToken);
                await grants.RemoveAsync(workload, name, cancellationToken);
            }
        }
    }
}
