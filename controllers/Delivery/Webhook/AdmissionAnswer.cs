using System.Text.Json.Nodes;
using AiModels.Controllers.Delivery.NodeCache;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Delivery.Webhook;

/// <summary>What an admission request is answered with; it never denies.</summary>
internal sealed record AdmissionAnswer(JsonArray Patch, string? Warning);

/// <summary>Which rule answers for which kind.</summary>
internal sealed class AdmissionRules(AdmissionMutation mutation, PodGate podGate, WarmNodes warmNodes)
{
    private static readonly AdmissionAnswer Nothing = new([], null);

    /// <param name="request">The request of an AdmissionReview v1.</param>
    public AdmissionAnswer Answer(JsonObject request)
    {
        if (request["object"] is not JsonObject obj)
        {
            return Nothing;
        }

        WorkloadKind? kind = WorkloadKind.All.FirstOrDefault(kind => Is(request, kind.Type));
        if (kind is not null)
        {
            return new AdmissionAnswer(mutation.Patch(kind, obj), UnservedNotice.OfWorkload(kind, obj));
        }

        bool isCreation = (string?)request["operation"] == "CREATE"; // a Pod's gates cannot be added later
        return Is(request, ResourceTypes.Pods) ? new AdmissionAnswer(isCreation ? OnCreation(obj, (string?)request["namespace"] ?? "") : [], UnservedNotice.OfBare("Pod", obj))
            : Is(request, ResourceTypes.Jobs) ? new AdmissionAnswer([], UnservedNotice.OfBare("Job", obj))
            : Nothing;
    }

    /// <summary>A Pod that has to wait gets no preference: by then other nodes may be warm.</summary>
    private JsonArray OnCreation(JsonObject pod, string podNamespace)
    {
        JsonArray gate = podGate.Patch(pod, podNamespace);
        JsonArray preference = gate.Count > 0 ? [] : warmNodes.Patch(pod);
        return [.. gate.Concat(preference).Concat(CacheNodesOnly.Patch(pod)).Select(step => step!.DeepClone())];
    }

    private static bool Is(JsonObject request, ResourceType type) =>
        (string?)request["kind"]?["kind"] == type.Kind && ((string?)request["kind"]?["group"] ?? "") == type.Group;
}
