using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Tables;

namespace AiModels.ApiMachinery.Negotiation;

/// <summary>meta.k8s.io/v1 Table: what kubectl get prints (contract N7-N10).</summary>
internal static class TableWriter
{
    private const string NameDescription =
        "Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the "
        + "generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. "
        + "More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names";

    /// <summary>A Table of these objects. The metadata is the list's; of a single object only its resourceVersion is told.</summary>
    public static JsonObject Write(
        ResourceDefinition definition, JsonObject metadata, IEnumerable<JsonObject> objects, Negotiated negotiated, DateTimeOffset now, bool withColumns = true)
    {
        JsonArray rows = [];
        foreach (JsonObject obj in objects)
        {
            rows.Add((JsonNode)Row(definition, obj, negotiated, now));
        }

        return new JsonObject
        {
            ["kind"] = "Table",
            ["apiVersion"] = negotiated.MetaVersion,
            ["metadata"] = metadata,
            ["columnDefinitions"] = withColumns ? Columns(definition) : null,
            ["rows"] = rows,
        };
    }

    /// <summary>A bookmark's Table: no cells, its metadata in the row (contract N10).</summary>
    public static JsonObject Bookmark(JsonObject bookmark, string metaVersion) => new()
    {
        ["kind"] = "Table",
        ["apiVersion"] = metaVersion,
        ["metadata"] = new JsonObject { ["resourceVersion"] = bookmark["metadata"]!["resourceVersion"]!.DeepClone() },
        ["columnDefinitions"] = null,
        ["rows"] = new JsonArray(new JsonObject { ["cells"] = new JsonArray(), ["object"] = Partial(bookmark, metaVersion) }),
    };

    /// <summary>Only an object's metadata (contract N11).</summary>
    public static JsonObject Partial(JsonObject obj, string metaVersion) => new()
    {
        ["kind"] = "PartialObjectMetadata",
        ["apiVersion"] = metaVersion,
        ["metadata"] = obj["metadata"]!.DeepClone(),
    };

    private static JsonObject Row(ResourceDefinition definition, JsonObject obj, Negotiated negotiated, DateTimeOffset now)
    {
        JsonArray cells = [];
        if (definition.HasNameColumn)
        {
            cells.Add(obj["metadata"]!["name"]!.DeepClone());
        }

        foreach (TableColumn column in definition.Columns)
        {
            cells.Add(Cell(column.Cell(obj, now)));
        }

        var row = new JsonObject { ["cells"] = cells };
        row["object"] = negotiated.IncludeObject switch
        {
            "None" => null,
            "Object" => obj.DeepClone(),
            _ => Partial(obj, negotiated.MetaVersion),
        };
        return row;
    }

    // A cell is one line.
    private static JsonNode? Cell(JsonNode? value)
    {
        if (value is JsonValue scalar && scalar.TryGetValue(out string? text) && text.IndexOf('\n', StringComparison.Ordinal) is >= 0 and int at)
        {
            return text[..at] + "...";
        }

        return value?.Parent is null ? value : value.DeepClone();
    }

    private static JsonArray Columns(ResourceDefinition definition)
    {
        JsonArray columns = [];
        if (definition.HasNameColumn)
        {
            columns.Add((JsonNode)Column("Name", "string", "name", NameDescription, 0));
        }

        foreach (TableColumn column in definition.Columns)
        {
            columns.Add((JsonNode)Column(column.Name, column.Type, column.Format, column.Description, column.Priority));
        }

        return columns;
    }

    private static JsonObject Column(string name, string type, string format, string description, int priority) =>
        new() { ["name"] = name, ["type"] = type, ["format"] = format, ["description"] = description, ["priority"] = priority };
}
