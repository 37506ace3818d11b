using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Delivery.NodeCache.Storage;

/// <summary>
/// The two objects that ask SDS for storage: a volume group on every node of the cache (sds-node-configurator), and a StorageClass over them (sds-local-volume). Pure.
/// </summary>
internal static class SdsObjects
{
    /// <summary>Name of both objects, of the StorageClass that comes of them, and of the volume group on each node.</summary>
    public const string Name = "ai-models-node-cache";

    /// <summary>Both as apply patches; <paramref name="blockDevices"/> is a LabelSelector.</summary>
    public static JsonObject VolumeGroupSet(JsonObject blockDevices) => Object(ResourceTypes.LvmVolumeGroupSets, new JsonObject
    {
        ["strategy"] = "PerNode",
        ["nodeSelector"] = new JsonObject { ["matchLabels"] = new JsonObject { [Labels.NodeCache] = "true" } },
        ["lvmVolumeGroupTemplate"] = new JsonObject
        {
            ["type"] = "Local",
            ["actualVGNameOnTheNode"] = Name,
            ["blockDeviceSelector"] = blockDevices.DeepClone(),
            ["metadata"] = new JsonObject { ["labels"] = OurLabels() },
        },
    });

    /// <param name="groups">Names of the LVMVolumeGroups that the set made.</param>
    public static JsonObject LocalStorageClass(IEnumerable<string> groups) => Object(ResourceTypes.LocalStorageClasses, new JsonObject
    {
        ["lvm"] = new JsonObject
        {
            // Thick: a cache is to have the room that it was promised.
            ["type"] = "Thick",
            ["lvmVolumeGroups"] = new JsonArray([.. groups.Order(StringComparer.Ordinal).Select(group => new JsonObject { ["name"] = group })]),
        },
        ["reclaimPolicy"] = "Delete",
        ["volumeBindingMode"] = "WaitForFirstConsumer", // the Pod says on which node
        ["fsType"] = "ext4",
    });

    /// <summary>Volume group by node, from the set's status.</summary>
    public static IReadOnlyDictionary<string, string> GroupsOf(JsonObject set) => (set["status"]?["createdLVMVolumeGroups"] as JsonArray ?? [])
        .Select(created => (Node: (string?)created?["nodeName"], Group: (string?)created?["lvmVolumeGroupName"]))
        .Where(created => !string.IsNullOrEmpty(created.Node) && !string.IsNullOrEmpty(created.Group))
        .DistinctBy(created => created.Node)
        .ToDictionary(created => created.Node!, created => created.Group!);

    /// <summary>Whether an object has every field of a patch, whatever else it has.</summary>
    public static bool Covers(JsonNode? actual, JsonNode? wanted) => (actual, wanted) switch
    {
        (JsonObject map, JsonObject fields) => fields.All(field => Covers(map[field.Key], field.Value)),
        (JsonArray list, JsonArray items) => list.Count == items.Count && list.Zip(items).All(pair => Covers(pair.First, pair.Second)),
        (null, JsonObject { Count: 0 }) => true,
        _ => JsonNode.DeepEquals(actual, wanted),
    };

    private static JsonObject Object(ResourceType type, JsonObject spec) => new()
    {
        ["apiVersion"] = type.ApiVersion,
        ["kind"] = type.Kind,
        ["metadata"] = new JsonObject { ["name"] = Name, ["labels"] = OurLabels() },
        ["spec"] = spec,
    };

    private static JsonObject OurLabels() => new() { [Labels.ManagedBy] = Labels.ManagedByValue };
}
