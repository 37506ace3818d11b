using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Contracts.WellKnown;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Delivery.SharedPvc;

/// <summary>Grants for materializer Jobs, each in a Secret that lives as long as its Job works, and goes with it at the latest (architecture, decision 8).</summary>
internal sealed class MaterializerGrants(IKubernetesClient client, DeliveryOptions options, TimeProvider time)
{
    // Four hours move several TB; a Job that needs longer gets a fresh one, which the materializer reads from the mounted file.
    private const long LifeSeconds = 4 * 3600;
    private static readonly TimeSpan RenewBefore = TimeSpan.FromHours(1);

    /// <summary>Puts a grant into the Job's Secret.</summary>
    public async Task PutAsync(Workload workload, JsonObject job, RegistryGrantStatus grant, CancellationToken cancellationToken)
    {
        JsonObject secret = MaterializerJob.Secret(workload, job, grant, options);
        try
        {
            await client.CreateAsync(ResourceTypes.Secrets, secret, FieldManagers.Delivery, cancellationToken);
        }
        catch (KubernetesApiException e) when (e.IsAlreadyExists)
        {
            await client.PatchAsync(
                ResourceTypes.Secrets, workload.Namespace, NameOf(job), KubernetesPatch.Merge, secret, null, FieldManagers.Delivery, cancellationToken);
        }
    }

    /// <summary>Replaces the grant of a Job that still works when it is about to end, or is not there. The materializer reads the mounted file again.</summary>
    public async Task RenewAsync(Workload workload, ModelFact model, JsonObject job, CancellationToken cancellationToken)
    {
        JsonObject? secret = await client.GetAsync(ResourceTypes.Secrets, workload.Namespace, NameOf(job), cancellationToken);
        string? expiry = (string?)secret?["metadata"]?["annotations"]?[MaterializerJob.ExpiresAt];
        if (!DateTimeOffset.TryParse(expiry, out DateTimeOffset expiresAt) || expiresAt - time.GetUtcNow() < RenewBefore)
        {
            await PutAsync(workload, job, await AskAsync(workload, model, NameOf(job), cancellationToken), cancellationToken);
        }
    }

    public Task RemoveAsync(Workload workload, string name, CancellationToken cancellationToken) =>
        client.DeleteAsync(ResourceTypes.Secrets, workload.Namespace, name, uid: null, propagationPolicy: null, cancellationToken);

    /// <summary>A fresh grant for the Job of this name.</summary>
    public async Task<RegistryGrantStatus> AskAsync(Workload workload, ModelFact model, string name, CancellationToken cancellationToken)
    {
        var ask = new RegistryGrant
        {
            Spec = new RegistryGrantSpec { Actions = ["pull"], Consumer = $"job/{workload.Namespace}/{name}", ExpirationSeconds = LifeSeconds },
        };
        JsonObject answer = await client.SubresourceAsync(
            HttpMethod.Post,
            model.Type,
            model.Namespace,
            model.Reference.Name,
            "grant",
            JsonSerializer.SerializeToNode(ask, ContractsJson.Options)!.AsObject(),
            cancellationToken);
        return answer.Deserialize<RegistryGrant>(ContractsJson.Options)?.Status
            ?? throw new InvalidOperationException($"The API answered a grant for {model.Reference} without a status.");
    }

    private static string NameOf(JsonObject job) => (string)job["metadata"]!["name"]!;
}
