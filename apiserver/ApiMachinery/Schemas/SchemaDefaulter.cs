using System.Text.Json.Nodes;

namespace AiModels.ApiMachinery.Schemas;

/// <summary>
/// Fills in defaults. A null where the schema has no null is treated as an absent field, as custom resources do it:
/// <c>creationTimestamp: null</c>, which Go clients write, must not be an error.
/// </summary>
public static class SchemaDefaulter
{
    /// <summary>Works in place.</summary>
    public static void Apply(Schema schema, JsonObject obj) => ApplyObject(schema, obj);

    private static void ApplyNode(Schema schema, JsonNode? node)
    {
        switch (node)
        {
            case JsonObject obj:
                ApplyObject(schema, obj);
                break;
            case JsonArray list when schema.Items is { Type: SchemaType.Object or SchemaType.Array } items:
                foreach (JsonNode? item in list)
                {
                    ApplyNode(items, item);
                }

                break;
        }
    }

    private static void ApplyObject(Schema schema, JsonObject obj)
    {
        List<string>? nulls = null;
        foreach ((string key, JsonNode? value) in obj)
        {
            Schema? field = schema.Properties.TryGetValue(key, out Schema? known) ? known : schema.AdditionalProperties;
            if (value is null && known is { Nullable: false } and not { Type: SchemaType.Any })
            {
                (nulls ??= []).Add(key);
            }
            else if (field is not null && value is JsonObject or JsonArray)
            {
                ApplyNode(field!, value);
            }
        }

        foreach (string key in nulls ?? [])
        {
            obj.Remove(key);
        }

        foreach ((string key, Schema field) in schema.Properties)
        {
            if (field.Default is not null && !obj.ContainsKey(key))
            {
                JsonNode value = field.Default.DeepClone();
                ApplyNode(field, value);
                obj[key] = value;
            }
        }
    }
}
