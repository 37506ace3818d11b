using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Tables;
using AiModels.Contracts.V1Alpha1;

namespace AiModels.ApiServer.Resources.ModelCatalogSources;

/// <summary>What <c>kubectl get modelcatalogsources</c> prints.</summary>
internal static class ModelCatalogSourceColumns
{
    public static IReadOnlyList<TableColumn> All { get; } =
    [
        new("Ready", "string", "Whether the catalog was last read with success.", (obj, _) => Ready(obj)?["status"]?.DeepClone()),
        new("Entries", "integer", "Entries in the catalog.", (obj, _) => obj["status"]?["entryCount"]?.DeepClone()),
        new("Refreshed", "date", "Time since the last successful refresh.", (obj, now) =>
            obj["status"]?["lastSuccessfulRefreshTime"] is { } at ? HumanDuration.Since(at, now) : null),
        TableColumn.Age,
        new("Reason", "string", "Why it is ready or not.", (obj, _) => Ready(obj)?["reason"]?.DeepClone(), Priority: 1),
        new("Url", "string", "Base URL of the catalog.", (obj, _) => obj["spec"]?["url"]?.DeepClone(), Priority: 1),
    ];

    private static JsonNode? Ready(JsonObject obj) =>
        (obj["status"]?["conditions"] as JsonArray)?.FirstOrDefault(condition => condition?["type"]?.ToString() == ConditionTypes.Ready);
}
