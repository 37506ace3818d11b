using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Hosting.Kubernetes;
using AiModels.ModelPack.Client;

namespace AiModels.Controllers.Preparation;

/// <summary>Tokens for the repositories of models, asked for at the subresource /grant of the model that a repository belongs to.</summary>
internal sealed class ModelGrants(IKubernetesClient client) : IGrantSource
{
    // Long enough that a chunk never outlives its token, short enough to be worth little to a thief.
    private const long LifeSeconds = 1800;

    private readonly ConcurrentDictionary<string, ModelKey> _models = [];

    /// <summary>Tells whose repository it is. To be called before the registry is asked for anything of the model.</summary>
    public void Register(ModelObject model) => _models[model.Repository] = model.Key;

    /// <summary>The model is gone.</summary>
    public void Forget(ModelObject model) => _models.TryRemove(model.Repository, out _);

    public async ValueTask<AccessToken> GetTokenAsync(string repository, IReadOnlyCollection<string> actions, CancellationToken cancellationToken)
    {
        if (!_models.TryGetValue(repository, out ModelKey key))
        {
            throw new InvalidOperationException($"Repository {repository} belongs to no registered model.");
        }

        var request = new RegistryGrant { Spec = new RegistryGrantSpec { Actions = [.. actions], Consumer = "controllers", ExpirationSeconds = LifeSeconds } };
        var body = (JsonObject)JsonSerializer.SerializeToNode(request, ContractsJson.Options)!;
        JsonObject answer = await client.SubresourceAsync(HttpMethod.Post, key.Type, key.Name.Namespace, key.Name.Name, "grant", body, cancellationToken);
        RegistryGrantStatus status = answer.Deserialize<RegistryGrant>(ContractsJson.Options)?.Status ?? throw new JsonException("The answer to creating a grant has no status.");
        return status.Repository == repository
            ? new AccessToken(status.Token, status.ExpiresAt)
            : throw new InvalidOperationException($"{key} has been replaced: its repository is {status.Repository} and no longer {repository}.");
    }
}
