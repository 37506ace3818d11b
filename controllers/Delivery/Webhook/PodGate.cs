using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Contracts.WellKnown;

namespace AiModels.Controllers.Delivery.Webhook;

/// <summary>
/// The gate on a single Pod. What was delivered stays in a workload's template when a model goes away (requirement Q5), so the template's gate is open and only
/// the Pod's own can hold a new Pod. It is taken off when the models are Ready again: <see cref="GatedPods"/>.
/// </summary>
internal sealed class PodGate(IModelLookup models)
{
    /// <summary>JSON patch that closes the gate; empty when every model of the Pod is Ready in the digest that it was promised, or when it is too early to know.</summary>
    public JsonArray Patch(JsonObject pod, string podNamespace)
    {
        // A Pod that has its node already never goes through the scheduler, and Kubernetes refuses a gate on it.
        bool mayWait = DeliveredPod.Is(pod) && !SchedulingGate.IsOn(pod) && string.IsNullOrEmpty((string?)pod["spec"]?["nodeName"]);
        return !mayWait || !models.IsSynced || DeliveredPod.Models(pod).All(model => IsReady(model, podNamespace)) ? [] : Close(pod);
    }

    private bool IsReady(PodModel model, string podNamespace) =>
        Has(GroupVersion.ModelKind, model, podNamespace) || Has(GroupVersion.ClusterModelKind, model, podNamespace);

    private bool Has(string kind, PodModel model, string podNamespace) =>
        models.Find(new ModelReference(kind, model.Name), podNamespace) is { IsReady: true } found && found.Delivered.Digest == model.Digest;

    private static JsonArray Close(JsonObject pod)
    {
        var patch = new JsonArray(pod["spec"]!["schedulingGates"] is JsonArray
            ? new JsonObject { ["op"] = "add", ["path"] = "/spec/schedulingGates/-", ["value"] = SchedulingGate.Item() }
            : new JsonObject { ["op"] = "add", ["path"] = "/spec/schedulingGates", ["value"] = new JsonArray(SchedulingGate.Item()) });
        patch.Add(pod["metadata"]?["labels"] is JsonObject
            ? new JsonObject { ["op"] = "add", ["path"] = $"/metadata/labels/{Labels.PodGate.Replace("/", "~1", StringComparison.Ordinal)}", ["value"] = Labels.PodGateWaiting }
            : new JsonObject { ["op"] = "add", ["path"] = "/metadata/labels", ["value"] = new JsonObject { [Labels.PodGate] = Labels.PodGateWaiting } });
        return patch;
    }
}
