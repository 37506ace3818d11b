using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Contracts.WellKnown;
using AiModels.Controllers.Preparation.Sources;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Preparation.Jobs;

/// <summary>The Jobs, their Secrets and what they report, in the API.</summary>
internal sealed class JobTasks(IKubernetesClient client, ISourceTokens tokens, ControllersOptions options, TimeProvider time)
{
    // Replaced in good time: the kubelet takes a minute or two to show a Pod the new one.
    private const long GrantSeconds = 2 * 3600;
    private static readonly TimeSpan RenewBefore = TimeSpan.FromHours(1);

    /// <summary>Makes sure that the Job is there. Returns it, or in words why it cannot be.</summary>
    public async Task<(JsonObject? Job, string? Problem)> EnsureAsync(ModelObject model, CancellationToken cancellationToken)
    {
        if (await FindAsync(model.Uid, cancellationToken) is { } known)
        {
            await RenewAsync(model, cancellationToken);
            return (known, null);
        }

        (string? token, string? missing) = await tokens.FindAsync(model, cancellationToken);
        if (missing is not null)
        {
            return (null, missing);
        }

        RegistryGrantStatus grant = await AskAsync(model, cancellationToken);
        await PutSecretAsync(model, grant, token, cancellationToken);
        JsonObject job = PreparationJob.Job(model, options, Guid.NewGuid().ToString("N"), options.JobRegistry ?? grant.Registry);
        return (await client.CreateAsync(ResourceTypes.Jobs, job, FieldManagers.Controllers, cancellationToken), null);
    }

    public Task<JsonObject?> FindAsync(string uid, CancellationToken cancellationToken) =>
        client.GetAsync(ResourceTypes.Jobs, Namespaces.Module, PreparationJob.NameFor(uid), cancellationToken);

    /// <summary>Takes the Job and its Secret away. Whether nothing of it runs any more.</summary>
    public async Task<bool> RemoveAsync(string uid, CancellationToken cancellationToken)
    {
        string name = PreparationJob.NameFor(uid);
        await client.DeleteAsync(ResourceTypes.Jobs, Namespaces.Module, name, uid: null, "Background", cancellationToken);
        await client.DeleteAsync(ResourceTypes.Secrets, Namespaces.Module, name, uid: null, propagationPolicy: null, cancellationToken);
        var own = new KubernetesListOptions { LabelSelector = $"{Labels.ModelUid}={uid},{PreparationJob.Component}={PreparationJob.ComponentValue}" };
        KubernetesList pods = await client.ListAsync(ResourceTypes.Pods, Namespaces.Module, own, cancellationToken);
        return pods.Items.All(pod => (string?)pod["status"]?["phase"] is "Succeeded" or "Failed");
    }

    /// <summary>What the Job last reported; null when nothing is known.</summary>
    public async Task<ModelProgress?> ProgressAsync(ModelObject model, CancellationToken cancellationToken)
    {
        try
        {
            JsonObject answer = await client.SubresourceAsync(
                HttpMethod.Get, model.Key.Type, model.Key.Name.Namespace, model.Key.Name.Name, "progress", null, cancellationToken);
            return answer.Deserialize<ModelProgress>(ContractsJson.Options);
        }
        catch (KubernetesApiException e) when (e.StatusCode == 404)
        {
            return null;
        }
    }

    private async Task RenewAsync(ModelObject model, CancellationToken cancellationToken)
    {
        JsonObject? secret = await client.GetAsync(ResourceTypes.Secrets, Namespaces.Module, PreparationJob.NameFor(model.Uid), cancellationToken);
        bool isFresh = DateTimeOffset.TryParse((string?)secret?["metadata"]?["annotations"]?[PreparationJob.GrantExpiresAt], out DateTimeOffset end) && end - time.GetUtcNow() > RenewBefore;
        if (!isFresh)
        {
            (string? token, _) = await tokens.FindAsync(model, cancellationToken);
            await PutSecretAsync(model, await AskAsync(model, cancellationToken), token, cancellationToken);
        }
    }

    private async Task PutSecretAsync(ModelObject model, RegistryGrantStatus grant, string? token, CancellationToken cancellationToken)
    {
        JsonObject secret = PreparationJob.Secret(model, grant, token, Read(options.RegistryCaFile), Read(options.SourceCaFile));
        try
        {
            await client.CreateAsync(ResourceTypes.Secrets, secret, FieldManagers.Controllers, cancellationToken);
        }
        catch (KubernetesApiException e) when (e.IsAlreadyExists)
        {
            await client.PatchAsync(
                ResourceTypes.Secrets, Namespaces.Module, PreparationJob.NameFor(model.Uid), KubernetesPatch.Merge, secret, null, FieldManagers.Controllers, cancellationToken);
        }

        static string? Read(string? file) => file is null ? null : File.ReadAllText(file);
    }

    private async Task<RegistryGrantStatus> AskAsync(ModelObject model, CancellationToken cancellationToken)
    {
        var ask = new RegistryGrant
        {
            Spec = new RegistryGrantSpec
            {
                Actions = ["pull", "push", "delete"],
                Consumer = $"job/{Namespaces.Module}/{PreparationJob.NameFor(model.Uid)}",
                ExpirationSeconds = GrantSeconds,
            },
        };
        JsonObject answer = await client.SubresourceAsync(
            HttpMethod.Post, model.Key.Type, model.Key.Name.Namespace, model.Key.Name.Name, "grant", (JsonObject)JsonSerializer.SerializeToNode(ask, ContractsJson.Options)!, cancellationToken);
        return answer.Deserialize<RegistryGrant>(ContractsJson.Options)?.Status ?? throw new JsonException("The answer to creating a grant has no status.");
    }
}
