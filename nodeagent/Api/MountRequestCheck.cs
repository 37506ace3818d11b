using AiModels.Contracts.NodeCache;
using AiModels.Contracts.V1Alpha1;
using AiModels.ModelPack.Oci;

namespace AiModels.NodeAgent.Api;

/// <summary>
/// What a request for a model must hold before it becomes a path, a key and a part of URLs. The driver has checked more and says more; who else writes to the socket is root
/// and mistaken.
/// </summary>
internal static class MountRequestCheck
{
    /// <summary>The field that is wrong and what would be right; null when nothing is.</summary>
    public static string? FaultOf(EnsureModelRequest? request)
    {
        if (request is null)
        {
            return "the body is no request for a model: it is null";
        }

        // "required" wants the field; JSON's null is a value for it.
        (string Name, string? Value)[] texts =
        [
            ("volumeId", request.VolumeId), ("podNamespace", request.PodNamespace), ("podName", request.PodName), ("podUid", request.PodUid), ("modelName", request.ModelName),
        ];
        if (Array.Find(texts, text => string.IsNullOrEmpty(text.Value)).Name is { } empty)
        {
            return $"{empty} is empty";
        }

        if (request.VolumeId is "." or "..")
        {
            return $"volumeId: '{request.VolumeId}' is no id: nobody could give its lease back";
        }

        if (request.ModelKind is not (GroupVersion.ModelKind or GroupVersion.ClusterModelKind))
        {
            return $"modelKind: '{request.ModelKind}' is neither {GroupVersion.ModelKind} nor {GroupVersion.ClusterModelKind}";
        }

        return Digest.TryParse(request.Digest, out _) ? null : $"digest: '{request.Digest}' is not a digest";
    }
}
