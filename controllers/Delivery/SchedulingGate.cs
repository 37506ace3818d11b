using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;

namespace AiModels.Controllers.Delivery;

/// <summary>
/// The gate on a Pod template or Pod: kube-scheduler passes over Pods that have one (https://kubernetes.io/docs/concepts/scheduling-eviction/pod-scheduling-readiness/).
/// </summary>
internal static class SchedulingGate
{
    /// <summary>Whether a Pod template or Pod has our gate.</summary>
    public static bool IsOn(JsonObject? pod) => IndexIn(pod) >= 0;

    /// <summary>Our gate as a list item.</summary>
    public static JsonObject Item() => new() { ["name"] = SchedulingGates.ModelDelivery };

    /// <summary>
    /// JSON patch that takes the gate off, whoever owns it: the webhook's gate belongs to the manager of the request it was added to, so that an apply of ours
    /// cannot remove it. The test makes the patch fail, and not hit another gate, when the list has changed meanwhile.
    /// </summary>
    /// <param name="pointer">Where the Pod template is in its document; empty for a Pod.</param>
    public static JsonArray RemovalPatch(string pointer, JsonObject pod)
    {
        string list = pointer + "/spec/schedulingGates";
        if (pod["spec"]!["schedulingGates"]!.AsArray() is { Count: 1 } alone)
        {
            // The list goes with its last item: an empty one would be a trace of us, and another Pod template.
            return [new JsonObject { ["op"] = "test", ["path"] = list, ["value"] = alone.DeepClone() }, new JsonObject { ["op"] = "remove", ["path"] = list }];
        }

        string item = $"{list}/{IndexIn(pod)}";
        return
        [
            new JsonObject { ["op"] = "test", ["path"] = item + "/name", ["value"] = SchedulingGates.ModelDelivery },
            new JsonObject { ["op"] = "remove", ["path"] = item },
        ];
    }

    private static int IndexIn(JsonObject? pod)
    {
        if (pod?["spec"]?["schedulingGates"] is not JsonArray gates)
        {
            return -1;
        }

        for (int i = 0; i < gates.Count; i++)
        {
            if ((string?)gates[i]?["name"] == SchedulingGates.ModelDelivery)
            {
                return i;
            }
        }

        return -1;
    }
}
