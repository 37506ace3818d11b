using System.Text.Json.Nodes;
using AiModels.Contracts.NodeCache;
using AiModels.Contracts.WellKnown;
using AiModels.Hosting.Kubernetes;

namespace AiModels.NodeAgent.Authorization;

/// <summary>
/// Volumes that come to a Pod by a claim: the Pod names the claim, the claim and the PersistentVolume name each other, and the volume is the one that is asked for. Each of
/// the three is written by somebody else, so that each is looked at.
/// </summary>
internal sealed class ClaimedVolumes(IKubernetesClient client)
{
    /// <summary>Whether one of the Pod's claims is bound to the volume of this request.</summary>
    public async Task<bool> HasVolumeAsync(JsonObject pod, EnsureModelRequest request, CancellationToken cancellationToken)
    {
        foreach (JsonNode? volume in pod["spec"]?["volumes"] as JsonArray ?? [])
        {
            if ((string?)volume?["persistentVolumeClaim"]?["claimName"] is { } claim && await IsBoundAsync(claim, request, cancellationToken))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether a volume's attributes name the model of this request.</summary>
    public static bool Names(JsonObject? attributes, EnsureModelRequest request) =>
        (string?)attributes?[CsiAttributes.ModelKind] == request.ModelKind
        && (string?)attributes[CsiAttributes.ModelName] == request.ModelName
        && (string?)attributes[CsiAttributes.Digest] == request.Digest;

    private async Task<bool> IsBoundAsync(string claimName, EnsureModelRequest request, CancellationToken cancellationToken)
    {
        JsonObject? claim = await client.GetAsync(ResourceTypes.PersistentVolumeClaims, request.PodNamespace, claimName, cancellationToken);
        if ((string?)claim?["spec"]?["volumeName"] is not { Length: > 0 } volumeName
            || await client.GetAsync(ResourceTypes.PersistentVolumes, null, volumeName, cancellationToken) is not { } volume)
        {
            return false;
        }

        JsonNode? bound = volume["spec"]?["claimRef"];
        JsonNode? csi = volume["spec"]?["csi"];
        return (string?)bound?["namespace"] == request.PodNamespace
            && (string?)bound["name"] == claimName
            && (string?)bound["uid"] == (string?)claim["metadata"]?["uid"]
            && (string?)csi?["driver"] == CsiAttributes.Driver
            && (string?)csi["volumeHandle"] == request.VolumeId
            && Names(csi["volumeAttributes"] as JsonObject, request);
    }
}
