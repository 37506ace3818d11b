using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;

namespace AiModels.Controllers.Delivery.NodeCache;

/// <summary>
/// Keeps Pods that mount models from a cache to the nodes that have one (requirement D5): on another, kubelet finds no driver and the Pod hangs. It is put on each Pod at its creation:
/// in a template, nodeSelector is one value to server-side apply (mapType atomic), and ours would take the place of the user's (requirement D9). Pure.
/// </summary>
internal static class CacheNodesOnly
{
    private const string Selector = "nodeSelector";

    /// <summary>JSON patch; empty when the Pod mounts nothing of ours by CSI, has its node already, or says something about the label itself.</summary>
    public static JsonArray Patch(JsonObject pod)
    {
        var chosen = pod["spec"]?[Selector] as JsonObject;
        bool isOurs = (pod["spec"]?["volumes"] as JsonArray)?.Any(volume => (string?)volume?["csi"]?["driver"] == CsiAttributes.Driver) == true;
        if (!isOurs || !string.IsNullOrEmpty((string?)pod["spec"]?["nodeName"]) || chosen?.ContainsKey(Labels.NodeCache) == true)
        {
            return [];
        }

        return [chosen is null
            ? new JsonObject { ["op"] = "add", ["path"] = $"/spec/{Selector}", ["value"] = new JsonObject { [Labels.NodeCache] = "true" } }
            : new JsonObject { ["op"] = "add", ["path"] = $"/spec/{Selector}/{Labels.NodeCache.Replace("/", "~1", StringComparison.Ordinal)}", ["value"] = "true" }];
    }
}
