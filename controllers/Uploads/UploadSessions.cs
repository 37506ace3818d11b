using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Uploads;

/// <summary>The subresource /upload of models.</summary>
internal sealed class UploadSessions(IKubernetesClient client)
{
    private const string Subresource = "upload";

    /// <summary>The session, or null when none was ever opened. Never holds a token.</summary>
    public async Task<UploadSessionStatus?> FindAsync(ModelObject model, CancellationToken cancellationToken)
    {
        try
        {
            JsonObject answer = await client.SubresourceAsync(
                HttpMethod.Get, model.Key.Type, model.Key.Name.Namespace, model.Key.Name.Name, Subresource, null, cancellationToken);
            return Read(answer);
        }
        catch (KubernetesApiException e) when (e.StatusCode == 404)
        {
            return null;
        }
    }

    /// <summary>Opens a session, or answers the one that is open, with its token.</summary>
    public async Task<UploadSessionStatus> OpenAsync(ModelObject model, CancellationToken cancellationToken)
    {
        var body = (JsonObject)JsonSerializer.SerializeToNode(new UploadSession(), ContractsJson.Options)!;
        JsonObject answer = await client.SubresourceAsync(
            HttpMethod.Post, model.Key.Type, model.Key.Name.Namespace, model.Key.Name.Name, Subresource, body, cancellationToken);
        return Read(answer) ?? throw new JsonException("The answer to creating an upload session has no status.");
    }

    private static UploadSessionStatus? Read(JsonObject answer) =>
        answer.Deserialize<UploadSession>(ContractsJson.Options)?.Status is { State: not null } status ? status : null;
}
