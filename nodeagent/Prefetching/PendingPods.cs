using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;

namespace AiModels.NodeAgent.Prefetching;

/// <summary>
/// Which Pods that wait can only go to this node: DaemonSet Pods (pinned by node affinity) and those with a selector for the node's name. Others may go anywhere, and
/// fetching for them on every node would cost more than it saves. Pure.
/// </summary>
internal static class PendingPods
{
    private const string HostnameLabel = "kubernetes.io/hostname";

    /// <summary>Whether the Pod is not on a node yet (gated or waiting for the scheduler) and can only go to this one.</summary>
    public static bool IsBoundFor(JsonObject pod, string nodeName) =>
        pod["metadata"]?["deletionTimestamp"] is null
        && string.IsNullOrEmpty((string?)pod["spec"]?["nodeName"])
        && ((string?)pod["spec"]?["nodeSelector"]?[HostnameLabel] == nodeName || RequiredTerms(pod) is { Count: > 0 } terms && terms.All(term => Names(term, nodeName)));

    /// <summary>The models that the Pod's volumes name.</summary>
    public static IEnumerable<ModelName> ModelsOf(JsonObject pod)
    {
        foreach (JsonNode? volume in pod["spec"]?["volumes"] as JsonArray ?? [])
        {
            if ((string?)volume?["csi"]?["driver"] == CsiAttributes.Driver
                && volume["csi"]!["volumeAttributes"] is JsonObject attributes
                && (string?)attributes[CsiAttributes.ModelKind] is { } kind
                && (string?)attributes[CsiAttributes.ModelName] is { } name
                && (string?)attributes[CsiAttributes.Digest] is { } digest)
            {
                yield return new ModelName(kind, (string?)pod["metadata"]?["namespace"] ?? "", name, digest);
            }
        }
    }

    // Terms are alternatives: every one of them must lead here.
    private static JsonArray? RequiredTerms(JsonObject pod) =>
        pod["spec"]?["affinity"]?["nodeAffinity"]?["requiredDuringSchedulingIgnoredDuringExecution"]?["nodeSelectorTerms"] as JsonArray;

    private static bool Names(JsonNode? term, string nodeName) =>
        (term?["matchFields"] as JsonArray ?? []).Any(field => (string?)field?["key"] == "metadata.name" && IsOnly(field, nodeName))
        || (term?["matchExpressions"] as JsonArray ?? []).Any(label => (string?)label?["key"] == HostnameLabel && IsOnly(label, nodeName));

    private static bool IsOnly(JsonNode requirement, string nodeName) =>
        (string?)requirement["operator"] == "In" && requirement["values"] is JsonArray { Count: 1 } values && (string?)values[0] == nodeName;
}

/// <summary>A model as a volume names it.</summary>
/// <param name="PodNamespace">Where a Model (not a ClusterModel) must be.</param>
internal sealed record ModelName(string Kind, string PodNamespace, string Name, string Digest);
