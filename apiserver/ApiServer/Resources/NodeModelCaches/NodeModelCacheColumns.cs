using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Tables;

namespace AiModels.ApiServer.Resources.NodeModelCaches;

/// <summary>What <c>kubectl get nodemodelcaches</c> prints.</summary>
internal static class NodeModelCacheColumns
{
    public static IReadOnlyList<TableColumn> All { get; } =
    [
        Bytes("Used", "Bytes in the cache.", "usedBytes"),
        Bytes("Capacity", "The most that the cache may hold.", "capacityBytes"),
        new("Use%", "string", "Share of the capacity that is used.", (obj, _) => HumanQuantity.Share(Number(obj, "usedBytes"), Number(obj, "capacityBytes"))),
        Count("Artifacts", "Artifacts in the cache.", "artifactCount"),
        Count("Mounted", "Artifacts that Pods have mounted.", "mountedCount"),
        Count("Fetching", "Artifacts that are being fetched.", "fetchingCount"),
        TableColumn.Age,
        Bytes("Pinned", "Bytes that stay whether they are used or not.", "pinnedBytes", priority: 1),
        new("Updated", "date", "Time since the agent last told.", (obj, now) => obj["status"]?["updatedTime"] is { } at ? HumanDuration.Since(at, now) : null, Priority: 1),
        new("Last error", "string", "What went wrong last.", (obj, _) => ((obj["status"]?["lastErrors"] as JsonArray)?.FirstOrDefault())?["message"]?.DeepClone(), Priority: 1),
    ];

    private static TableColumn Bytes(string name, string description, string field, int priority = 0) =>
        new(name, "string", description, (obj, _) => Number(obj, field) is { } count ? HumanQuantity.Bytes(count) : null, priority);

    private static TableColumn Count(string name, string description, string field) =>
        new(name, "integer", description, (obj, _) => Number(obj, field) is { } count ? JsonValue.Create(count) : null);

    private static long? Number(JsonObject obj, string field) => obj["status"]?[field] is JsonValue value && value.TryGetValue(out long count) ? count : null;
}
