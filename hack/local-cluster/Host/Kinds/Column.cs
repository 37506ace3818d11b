using System.Globalization;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Tables;

namespace AiModels.LocalCluster.Host.Kinds;

/// <summary>Columns of kubectl get, read from paths of the object.</summary>
internal static class Column
{
    public const int Wide = 1;

    public static TableColumn Text(string name, string path, int priority = 0, string missing = "<none>") =>
        new(name, "string", $"{path} of the object.", (obj, _) => At(obj, path)?.ToString() ?? missing, priority);

    public static TableColumn Integer(string name, string path, int missing = 0) =>
        new(name, "integer", $"{path} of the object.", (obj, _) => Int(obj, path, missing));

    public static TableColumn Since(string name, string path) =>
        new(name, "string", $"Time since {path}.", (obj, now) => At(obj, path) is { } since ? HumanDuration.Since(since, now) : "<none>");

    public static TableColumn Of(string name, string description, Func<JsonObject, string> cell, int priority = 0) =>
        new(name, "string", description, (obj, _) => cell(obj), priority);

    /// <summary>The value at a dotted path, or null.</summary>
    public static JsonNode? At(JsonNode? node, string path)
    {
        foreach (string part in path.Split('.')) node = (node as JsonObject)?[part];
        return node;
    }

    public static int Int(JsonNode? node, string path, int missing = 0) =>
        At(node, path) is JsonValue value && int.TryParse(value.ToString(), NumberStyles.Integer, CultureInfo.InvariantCulture, out int number) ? number : missing;

    public static int Count(JsonNode? node, string path) => At(node, path) switch
    {
        JsonArray list => list.Count,
        JsonObject map => map.Count,
        _ => 0,
    };

    /// <summary>a=b,c=d</summary>
    public static string Pairs(JsonNode? map) => map is JsonObject { Count: > 0 } pairs ? string.Join(',', pairs.Select(p => $"{p.Key}={p.Value}")) : "<none>";

    public static string Join(JsonNode? list, string separator = ",") => list is JsonArray { Count: > 0 } items ? string.Join(separator, items.Select(i => i?.ToString())) : "<none>";
}
