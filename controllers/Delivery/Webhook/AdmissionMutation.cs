using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;

namespace AiModels.Controllers.Delivery.Webhook;

/// <summary>
/// What the webhook changes: it puts the gate on a workload that asks for models and has not got them in its template, so that no Pod is made from it too early
/// (requirement D3), and takes it off in the very request that delivers them. Pure; everything else is the reconciler's.
/// </summary>
internal sealed class AdmissionMutation(IEnumerable<IDeliveryMode> modes)
{
    private static readonly string[] ContainerLists = ["containers", "initContainers"];
    private readonly Dictionary<string, IDeliveryMode> _modes = modes.ToDictionary(mode => mode.Name);

    /// <summary>JSON patch, empty when nothing is to be changed.</summary>
    public JsonArray Patch(WorkloadKind kind, JsonObject workload)
    {
        var patch = new JsonArray();
        ModelReferences references = ModelReferences.Of(workload);
        if (references.IsEmpty || kind.TemplateOf(workload) is not { } template || template["spec"] is not JsonObject spec)
        {
            return patch;
        }

        RemoveGhosts(kind, spec, patch);
        bool isGated = SchedulingGate.IsOn(template), isDelivered = IsDelivered(workload, template, references);
        if (!isGated && !isDelivered)
        {
            AddGate(kind, spec, patch);
        }
        else if (isGated && isDelivered)
        {
            OpenGate(kind, template, patch);
        }

        return patch;
    }

    /// <summary>What is asked for is in the template: the gate was lifted for good, and an update that changes something else must not close it again.</summary>
    private bool IsDelivered(JsonObject workload, JsonObject template, ModelReferences references) =>
        DeliveryPlan.Decode(workload) is { } plan
        && plan.Answers(references)
        && _modes.TryGetValue(plan.Mode, out IDeliveryMode? mode)
        && PodTemplateEditor.IsComplete(template, mode.Volumes(plan));

    private static void AddGate(WorkloadKind kind, JsonObject spec, JsonArray patch)
    {
        string list = kind.TemplatePointer + "/spec/schedulingGates";
        patch.Add(spec["schedulingGates"] is JsonArray
            ? new JsonObject { ["op"] = "add", ["path"] = list + "/-", ["value"] = SchedulingGate.Item() }
            : new JsonObject { ["op"] = "add", ["path"] = list, ["value"] = new JsonArray(SchedulingGate.Item()) });
    }

    /// <summary>
    /// The gate that we put on belongs to the manager of the user's request, so our apply leaves it. Taking it off here spares the workload a template with
    /// models and gate, of which a Deployment would make a ReplicaSet and a revision of its own.
    /// </summary>
    private static void OpenGate(WorkloadKind kind, JsonObject template, JsonArray patch)
    {
        foreach (JsonNode? step in SchedulingGate.RemovalPatch(kind.TemplatePointer, template))
        {
            patch.Add(step!.DeepClone());
        }
    }

    /// <summary>
    /// A user who removes or renames a container by server-side apply leaves behind what we own in it: an item with a name, our mounts, and no image, which the
    /// API server would refuse. Nobody but we can have made such an item, so it goes.
    /// </summary>
    private static void RemoveGhosts(WorkloadKind kind, JsonObject spec, JsonArray patch)
    {
        foreach (string list in ContainerLists)
        {
            if (spec[list] is not JsonArray containers)
            {
                continue;
            }

            for (int i = containers.Count - 1; i >= 0; i--) // from the end, so that the indexes before stay right
            {
                if (containers[i] is JsonObject container && container["image"] is null && IsOurs(container))
                {
                    patch.Add(new JsonObject { ["op"] = "remove", ["path"] = $"{kind.TemplatePointer}/spec/{list}/{i}" });
                }
            }
        }
    }

    private static bool IsOurs(JsonObject container) =>
        (container["env"] as JsonArray)?.Any(variable => (string?)variable?["name"] == EnvironmentVariables.ModelsDirectory) == true;
}
