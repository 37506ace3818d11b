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
            JsonObject fields => Check(StandardSchemas.ObjectMeta, fields, "ObjectMeta.metadata"),
            _ => Problem(metadata, "ObjectMeta.metadata", "v1.ObjectMeta"),
        };
    }

    private static string? Check(Schema schema, JsonNode? node, string path)
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
                    string? problem = field is null || value is null ? null : Check(field, value, known is null ? path : $"{path}.{key}");
                    if (problem is not null)
                    {
                        return problem;
                    }
                }

                return null;
            case (SchemaType.Array, JsonArray list):
                return list.Select(item => Check(schema.Items!, item, path)).FirstOrDefault(problem => problem is not null);
            case (SchemaType.String, JsonValue value) when value.TryGetValue(out string? text):
                return schema.Format != "date-time" || Timestamps.IsRfc3339(text)
                    ? null
                    : $"parsing time \"{text}\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"{text}\" as \"2006\"";
            case (SchemaType.Integer, JsonValue value) when value.TryGetInteger(out _):
            case (SchemaType.Boolean, JsonValue flag) when flag.TryGetValue(out bool _):
                return null;
            default:
                return Problem(node, path, GoType(schema));
        }
    }

    private static string Problem(JsonNode node, string path, string type)
    {
        string actual = node.TypeName();
        return $"json: cannot unmarshal {(actual is "integer" or "boolean" ? actual == "integer" ? "number" : "bool" : actual)} into Go struct field {path} of type {type}";
    }

    private static string GoType(Schema schema) => schema.Type switch
    {
        SchemaType.String => schema.Format == "date-time" ? "v1.Time" : "string",
        SchemaType.Integer => "int64",
        SchemaType.Boolean => "bool",
        SchemaType.Array => schema.Items is { Type: SchemaType.String } ? "[]string" : "[]v1.OwnerReference",
        _ => schema.AdditionalProperties is null ? "struct" : "map[string]string",
    };
}
