using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Delivery.SharedPvc;

/// <summary>
/// Removes from a claim of ours what its workload no longer asks for, as soon as no Pod reads it and none can be made that would: the claim would grow with every model that is replaced. Three steps, each of
/// which a crash may follow: what goes is written on the claim, a Job removes it, the record goes. From the first step on it counts as not there.
/// </summary>
internal sealed class StaleContent(IKubernetesClient client, SharedClaim claims, ClaimUsers users, DeliveryOptions options)
{
    /// <summary>Goes on with a removal that was begun. A model that is on its way out and wanted again waits until it is gone.</summary>
    public async Task<ClaimContent> SettleAsync(Workload workload, ClaimContent claim, CancellationToken cancellationToken)
    {
        if (claim.Removing.Count == 0)
        {
            return claim;
        }

        string name = RemovalJob.NameFor(workload, claim);
        JsonObject? job = await client.GetAsync(ResourceTypes.Jobs, workload.Namespace, name, cancellationToken);
        if (job is null)
        {
            await client.CreateOnceAsync(ResourceTypes.Jobs, RemovalJob.Job(workload, claim, options), cancellationToken);
            return claim;
        }

        JobState state = JobState.Of(job);
        if (!state.IsComplete && !state.IsFailed)
        {
            return claim;
        }

        if (state.IsComplete)
        {
            claim = await claims.WriteAsync(workload, claim.Settled(), cancellationToken);
        }

        // A Job that failed six times is made anew at the next look: a claim that is too full harms nobody at once.
        await client.DeleteAsync(ResourceTypes.Jobs, workload.Namespace, name, (string?)job["metadata"]?["uid"], "Background", cancellationToken);
        return claim;
    }

    /// <summary>Begins to remove what is neither wanted nor read.</summary>
    public async Task BeginAsync(Workload workload, ClaimContent claim, IEnumerable<string> wanted, CancellationToken cancellationToken)
    {
        var stale = claim.Held.Keys.Except(wanted).ToHashSet();
        if (stale.Count == 0 || claim.Removing.Count > 0 || !claim.IsOurs)
        {
            return;
        }

        foreach (JsonObject user in await users.ListAsync(workload, cancellationToken))
        {
            stale.RemoveWhere(digest => ClaimReaders.Reads(user, claim.Name, digest));
        }

        if (stale.Count > 0)
        {
            await SettleAsync(workload, await claims.WriteAsync(workload, claim.Without(stale), cancellationToken), cancellationToken);
        }
    }

    /// <summary>Names of the Jobs that work on the claim now.</summary>
    public static IEnumerable<string> Jobs(Workload workload, ClaimContent claim) => claim.Removing.Count == 0 ? [] : [RemovalJob.NameFor(workload, claim)];

    /// <summary>Why a model must wait; null when it need not.</summary>
    public static DeliveryOutcome.Held? Obstacle(ModelFact model, ClaimContent claim) => !claim.Removing.ContainsKey(model.Delivered.Digest) ? null : new DeliveryOutcome.Held(
        Reasons.ModelNotReady, $"{model.Reference} was given up and is being removed from claim {claim.Name}; then it is copied again", IsWarning: false, TimeSpan.FromMinutes(1));
}
