using System.Text;
using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Preparation.Sources;

/// <summary>The token that opens a model's source, wherever this process gets it from.</summary>
internal interface ISourceTokens
{
    /// <summary>The token of spec.source.authSecretRef, null when none is named; or, in words, why there is none although one is named.</summary>
    Task<(string? Token, string? Missing)> FindAsync(ModelObject model, CancellationToken cancellationToken);
}

/// <summary>From the Secret itself.</summary>
internal sealed class SecretTokens(IKubernetesClient client) : ISourceTokens
{
    public async Task<(string? Token, string? Missing)> FindAsync(ModelObject model, CancellationToken cancellationToken)
    {
        if (model.AuthSecret?.Name is not { } name)
        {
            return (null, null);
        }

        if (await client.GetAsync(ResourceTypes.Secrets, model.Key.Name.Namespace, name, cancellationToken) is not { } secret)
        {
            return (null, $"Secret {model.Key.Name.Namespace}/{name} (spec.source.authSecretRef) does not exist.");
        }

        foreach (string key in SecretKeys.HuggingFaceToken)
        {
            if ((string?)(secret["data"] as JsonObject)?[key] is { Length: > 0 } encoded)
            {
                return (Encoding.UTF8.GetString(Convert.FromBase64String(encoded)).Trim(), null);
            }
        }

        return (null, $"Secret {model.Key.Name.Namespace}/{name} (spec.source.authSecretRef) has none of the keys {string.Join(", ", SecretKeys.HuggingFaceToken)}.");
    }
}
