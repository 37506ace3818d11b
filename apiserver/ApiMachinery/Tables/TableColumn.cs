using System.Text.Json.Nodes;

namespace AiModels.ApiMachinery.Tables;

/// <summary>One column of what kubectl get prints, after the name.</summary>
/// <param name="Name">Heading; kubectl prints it in capitals.</param>
/// <param name="Type">string, integer, number, boolean or date (OpenAPI).</param>
/// <param name="Description">Shown by kubectl explain-like tools.</param>
/// <param name="Cell">The cell of an object: a JSON scalar or null, from the object and the current time (for ages).</param>
/// <param name="Priority">0: always shown; greater: with -o wide only.</param>
public sealed record TableColumn(
    string Name, string Type, string Description, Func<JsonObject, DateTimeOffset, JsonNode?> Cell, int Priority = 0)
{
    /// <summary>OpenAPI format, for instance name or int64.</summary>
    public string Format { get; init; } = "";

    /// <summary>How long ago the object was created, as kubectl writes it: 5d, 3m20s.</summary>
    public static TableColumn Age { get; } = new(
        "Age", "date", "Time since the object was created.", (obj, now) => HumanDuration.Since(obj["metadata"]?["creationTimestamp"], now));
}
