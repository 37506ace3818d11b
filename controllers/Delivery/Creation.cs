using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Delivery;

/// <summary>Making objects whose names say what they are for.</summary>
internal static class Creation
{
    /// <summary>Makes the object. One of its name that is there was made by an earlier try whose answer was lost, and is left as it is.</summary>
    public static async Task CreateOnceAsync(this IKubernetesClient client, ResourceType type, JsonObject obj, CancellationToken cancellationToken)
    {
        try
        {
            await client.CreateAsync(type, obj, FieldManagers.Delivery, cancellationToken);
        }
        catch (KubernetesApiException e) when (e.IsAlreadyExists)
        {
            // As said.
        }
    }
}
