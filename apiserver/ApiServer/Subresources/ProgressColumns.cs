using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Tables;
using AiModels.ApiServer.Resources;

namespace AiModels.ApiServer.Subresources;

/// <summary>What <c>kubectl get model NAME --subresource=progress</c> prints: the preparation of the model, and below it who receives it.</summary>
internal static class ProgressColumns
{
    public static IReadOnlyList<TableColumn> All { get; } =
    [
        new("Name", "string", "The model, or who receives it.", (obj, _) => (obj["name"] ?? obj["metadata"]?["name"])?.ToString()) { Format = "name" },
        new("Stage", "string", "What is being done.", (obj, _) => (obj["state"] ?? obj["stage"])?.ToString()),
        new("Progress", "string", "How far it is.", (obj, _) =>
            obj["progress"]?.ToString() ?? HumanQuantity.Share(Number(obj, "bytesReceived"), Number(obj, "bytesExpected"))),
        new("Received", "string", "Bytes that have arrived.", (obj, _) => Bytes(obj, "bytesReceived")),
        new("Expected", "string", "Bytes in all, when they are known.", (obj, _) => Bytes(obj, "bytesExpected")),
        new("Rate", "string", "Bytes a second over the last seconds.", (obj, _) => Bytes(obj, "bytesPerSecond") is { } rate ? rate + "/s" : null),
        new("ETA", "string", "Time to go at this rate.", (obj, _) =>
            Number(obj, "secondsRemaining") is { } seconds ? HumanDuration.Format(TimeSpan.FromSeconds(seconds)) : null),
        new("Reported", "string", "How long ago this was reported; empty when it is told from the status.", (obj, now) =>
            obj["reportedAt"] is { } at ? HumanDuration.Since(at, now) : null),
        new("Stored", "string", "Bytes in the registry, after compression.", (obj, _) => Bytes(obj, "bytesStored"), Priority: 1),
        new("Files", "string", "Files that are stored, of those being worked on.", (obj, _) => Files(obj["layers"] as JsonArray), Priority: 1),
        new("Message", "string", "What went wrong last.", (obj, _) => obj["message"]?.ToString(), Priority: 1),
    ];

    /// <summary>The model's row, and one for each consumer.</summary>
    public static IEnumerable<JsonObject> RowsOf(JsonObject progress)
    {
        yield return progress;
        foreach (JsonObject consumer in (progress["consumers"] as JsonArray ?? []).OfType<JsonObject>())
        {
            JsonObject row = consumer.DeepClone().AsObject();
            row["metadata"] = progress["metadata"]!.DeepClone();
            yield return row;
        }
    }

    private static string? Files(JsonArray? layers) =>
        layers is null ? null : $"{layers.Count(layer => (string?)layer?["state"] == "Stored")}/{layers.Count}";

    private static long? Number(JsonObject obj, string field) => (long?)obj[field];

    private static string? Bytes(JsonObject obj, string field) => Number(obj, field) is { } count ? HumanQuantity.Bytes(count) : null;
}
