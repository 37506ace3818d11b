using System.Text.Json.Nodes;

namespace AiModels.ApiMachinery.Schemas;

/// <summary>
/// Checks that metadata has the types of metav1.ObjectMeta. Everything after may then read it without asking: a document that fails is refused
/// while decoding, before any other rule (400, contract C4).
/// </summary>
public static class ObjectMetaShape
{
    /// <summary>What is wrong, as Go's decoder says it; null when nothing is. Nulls are fine: they mean absent.</summary>
    public static string? Check(JsonObject obj)
    {
        JsonNode? metadata = obj["metadata"];
        return metadata switch
        {
            null => null,
            JsonObject fields => Check(StandardSchemas.ObjectMeta, fields, "ObjectMeta", ""),
            _ => $"json: cannot unmarshal {GoKind(metadata)} into Go value of type v1.ObjectMeta",
        };
    }

    /// <summary>Go's word for what a JSON value is.</summary>
    public static string GoKind(JsonNode? node) => node.TypeName() switch
    {
        "integer" => "number",
        "boolean" => "bool",
        string other => other,
    };

    /// <param name="owner">The Go struct that <paramref name="path"/>'s last field is of: Go names both.</param>
    private static string? Check(Schema schema, JsonNode? node, string owner, string path)
    {
        if (node is null || schema.Type == SchemaType.Any)
        {
            return null;
        }

        switch (schema.Type, node)
        {
            case (SchemaType.Object, JsonObject obj):
                foreach ((string key, JsonNode? value) in obj)
                {
                    Schema? field = schema.Properties.TryGetValue(key, out Schema? known) ? known : schema.AdditionalProperties;
                    string? problem = field is null || value is null ? null : Check(field, value, owner, known is null ? path : $"{path}.{key}");
                    if (problem is not null)
                    {
                        return problem;
                    }
                }

                return null;
            case (SchemaType.Array, JsonArray list):
                return list.Select(item => Check(schema.Items!, item, item is JsonObject ? StructOf(path) : owner, path)).FirstOrDefault(problem => problem is not null);
            case (SchemaType.String, JsonValue value) when value.TryGetValue(out string? text):
                return schema.Format != "date-time" || Timestamps.IsRfc3339(text)
                    ? null
                    : $"parsing time \"{text}\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"{text}\" as \"2006\"";
            case (SchemaType.Integer, JsonValue value) when value.TryGetInteger(out _):
            case (SchemaType.Boolean, JsonValue flag) when flag.TryGetValue(out bool _):
                return null;
            default:
                return $"json: cannot unmarshal {GoKind(node)} into Go struct field {owner}{path} of type {GoType(schema, path)}";
        }
    }

    private static string StructOf(string path) => path == ".managedFields" ? "ManagedFieldsEntry" : "OwnerReference";

    private static string GoType(Schema schema, string path) => schema.Type switch
    {
        SchemaType.String when path.EndsWith("uid", StringComparison.Ordinal) => "types.UID",
        SchemaType.String => "string",
        SchemaType.Integer => "int64",
        SchemaType.Boolean => "bool",
        SchemaType.Array => schema.Items is { Type: SchemaType.String } ? "[]string" : "[]v1." + StructOf(path),
        _ => schema.AdditionalProperties is null ? "v1." + StructOf(path) : "map[string]string",
    };
}
