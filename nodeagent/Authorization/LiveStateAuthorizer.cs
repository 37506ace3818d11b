using System.Text.Json.Nodes;
using AiModels.Contracts.NodeCache;
using AiModels.Contracts.V1Alpha1;
using AiModels.Contracts.WellKnown;
using AiModels.Hosting.Kubernetes;

namespace AiModels.NodeAgent.Authorization;

/// <summary>
/// Reads the permission from state (architecture, decision 7), because anything that is written on a volume can be copied: the Pod must live on this node with this
/// UID and really have such a volume, and the model must be in the Pod's namespace (or a ClusterModel), Ready, and have that digest.
/// </summary>
internal sealed class LiveStateAuthorizer(IKubernetesClient client, string nodeName) : IMountAuthorizer
{
    private readonly ClaimedVolumes _claims = new(client);

    public async Task<AuthorizedModel> AuthorizeAsync(EnsureModelRequest request, CancellationToken cancellationToken)
    {
        // Both at once: kubelet waits for two answers of the API instead of for one after the other. What is wrong with the Pod is told first.
        Task<AuthorizedModel> model = ResolveAsync(request.ModelKind, request.PodNamespace, request.ModelName, request.Digest, cancellationToken);
        Task pod = CheckPodReachablyAsync(request, cancellationToken);
        await Task.WhenAll(pod, model).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await pod;
        return await model;
    }

    public async Task<AuthorizedModel> ResolveAsync(string kind, string podNamespace, string name, string digest, CancellationToken cancellationToken)
    {
        try
        {
            return await CheckModelAsync(kind, podNamespace, name, digest, cancellationToken);
        }
        catch (Exception e) when (e is KubernetesApiException or HttpRequestException)
        {
            throw Unreachable(e);
        }
    }

    public async Task<bool> IsGoneAsync(string podNamespace, string podName, string podUid, CancellationToken cancellationToken)
    {
        try
        {
            JsonObject? pod = await client.GetAsync(ResourceTypes.Pods, podNamespace, podName, cancellationToken);
            return pod is null || (string?)pod["metadata"]?["uid"] != podUid;
        }
        catch (Exception e) when (e is KubernetesApiException or HttpRequestException)
        {
            return false;
        }
    }

    private async Task CheckPodReachablyAsync(EnsureModelRequest request, CancellationToken cancellationToken)
    {
        try
        {
            await CheckPodAsync(request, cancellationToken);
        }
        catch (Exception e) when (e is KubernetesApiException or HttpRequestException)
        {
            throw Unreachable(e);
        }
    }

    private async Task CheckPodAsync(EnsureModelRequest request, CancellationToken cancellationToken)
    {
        string name = $"{request.PodNamespace}/{request.PodName}";
        JsonObject? pod = await client.GetAsync(ResourceTypes.Pods, request.PodNamespace, request.PodName, cancellationToken);
        if (pod is null || (string?)pod["metadata"]?["uid"] != request.PodUid)
        {
            throw new NodeAgentException(NodeAgentException.NotFound, $"there is no Pod {name} with UID {request.PodUid}");
        }

        string? node = (string?)pod["spec"]?["nodeName"];
        if (node != nodeName)
        {
            throw new NodeAgentException(NodeAgentException.PermissionDenied, $"Pod {name} is on node '{node}', not on this one ({nodeName})");
        }

        if ((string?)pod["status"]?["phase"] is "Succeeded" or "Failed")
        {
            throw new NodeAgentException(NodeAgentException.PermissionDenied, $"Pod {name} has ended");
        }

        if (!HasVolume(pod, request) && !await _claims.HasVolumeAsync(pod, request, cancellationToken))
        {
            throw new NodeAgentException(NodeAgentException.PermissionDenied, $"Pod {name} has no volume for {request.ModelKind} {request.ModelName} with digest {request.Digest}");
        }
    }

    private static bool HasVolume(JsonObject pod, EnsureModelRequest request) => (pod["spec"]?["volumes"] as JsonArray ?? []).Any(volume =>
        (string?)volume?["csi"]?["driver"] == CsiAttributes.Driver
        && ClaimedVolumes.Names(volume["csi"]!["volumeAttributes"] as JsonObject, request));

    private async Task<AuthorizedModel> CheckModelAsync(string kind, string podNamespace, string modelName, string wantedDigest, CancellationToken cancellationToken)
    {
        bool isCluster = kind == GroupVersion.ClusterModelKind;
        string? ns = isCluster ? null : podNamespace;
        var name = $"{kind} {(ns is null ? "" : ns + "/")}{modelName}";
        JsonObject? document = await client.GetAsync(isCluster ? ResourceTypes.ClusterModels : ResourceTypes.Models, ns, modelName, cancellationToken);
        if (document is null)
        {
            throw new NodeAgentException(
                NodeAgentException.NotFound, $"there is no {name} (any more): the Pod waits until it is made again, or its name is taken out of the workload's annotation");
        }

        JsonNode? artifact = document["status"]?["artifact"];
        string? phase = (string?)document["status"]?["phase"];
        if (phase != Phases.Ready || artifact is null)
        {
            throw new NodeAgentException(NodeAgentException.Unavailable, $"{name} is {phase ?? Phases.Pending}, not Ready");
        }

        string? digest = (string?)artifact["digest"];
        return digest == wantedDigest
            ? new AuthorizedModel(kind, ns, modelName, digest, (long?)artifact["sizeBytes"] ?? 0)
            : throw new NodeAgentException(NodeAgentException.PermissionDenied, $"{name} has digest {digest}, not {wantedDigest}");
    }

    private static NodeAgentException Unreachable(Exception e) =>
        new(NodeAgentException.Unavailable, $"the API cannot be asked whether the Pod may have the model: {e.Message}");
}
