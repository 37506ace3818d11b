using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;

namespace AiModels.Controllers.Delivery.NodeCache;

/// <summary>
/// Prefers nodes whose cache has all of a Pod's models already. It is put on each Pod at its creation and not on the template: what is warm changes by the hour, and
/// a changed template would replace Pods that run. A preference only: the Pod goes elsewhere when it must.
/// </summary>
internal sealed class WarmNodes(INodeCaches caches, DeliveryOptions options)
{
    // Half of the scheduler's scale: a preference of the user's own, given more weight, wins.
    private const int Weight = 50;

    // A term a node; more of them make a Pod hard to read, and the first few are as good.
    private const int Limit = 16;

    /// <summary>JSON patch; empty when no node is warm, or all of it is none of ours.</summary>
    public JsonArray Patch(JsonObject pod)
    {
        string[] digests = Digests(pod);
        if (!options.PrefersWarmNodes || digests.Length == 0 || IsOfADaemonSet(pod) || SchedulingGate.IsOn(pod) || !string.IsNullOrEmpty((string?)pod["spec"]?["nodeName"]))
        {
            return [];
        }

        string[] nodes = [.. caches.All.Where(cache => digests.All(cache.Has)).Select(cache => cache.Node).Order(StringComparer.Ordinal).Take(Limit)];
        return nodes.Length == 0 ? [] : Add(pod, nodes.Select(Term));
    }

    private static string[] Digests(JsonObject pod) =>
    [
        .. (pod["spec"]?["volumes"] as JsonArray ?? [])
            .Where(volume => (string?)volume?["csi"]?["driver"] == CsiAttributes.Driver)
            .Select(volume => (string?)volume!["csi"]!["volumeAttributes"]?[CsiAttributes.Digest] ?? "")
            .Distinct(),
    ];

    /// <summary>Its Pods have their node already, by an affinity of the DaemonSet controller's own.</summary>
    private static bool IsOfADaemonSet(JsonObject pod) => (pod["metadata"]?["ownerReferences"] as JsonArray)?.Any(owner => (string?)owner?["kind"] == "DaemonSet") == true;

    private static JsonObject Term(string node) => new()
    {
        ["weight"] = Weight,
        ["preference"] = new JsonObject
        {
            // matchFields takes one value a term, hence a term a node; the label kubernetes.io/hostname need not be the node's name.
            ["matchFields"] = new JsonArray(new JsonObject { ["key"] = "metadata.name", ["operator"] = "In", ["values"] = new JsonArray(node) }),
        },
    };

    /// <summary>Appends to what the user has, and makes what is missing on the way there.</summary>
    private static JsonArray Add(JsonObject pod, IEnumerable<JsonObject> terms)
    {
        string path = "/spec";
        JsonNode? at = pod["spec"];
        JsonNode value = new JsonArray([.. terms]);
        string[] steps = ["affinity", "nodeAffinity", "preferredDuringSchedulingIgnoredDuringExecution"];
        for (int i = 0; i < steps.Length; i++)
        {
            at = at?[steps[i]];
            path += "/" + steps[i];
            if (at is null)
            {
                foreach (string step in steps[(i + 1)..].Reverse())
                {
                    value = new JsonObject { [step] = value };
                }

                return [new JsonObject { ["op"] = "add", ["path"] = path, ["value"] = value }];
            }
        }

        return [.. value.AsArray().Select(term => new JsonObject { ["op"] = "add", ["path"] = path + "/-", ["value"] = term!.DeepClone() })];
    }
}
