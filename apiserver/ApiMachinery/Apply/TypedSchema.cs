using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Schemas;

namespace AiModels.ApiMachinery.Apply;

/// <summary>How a value is merged and owned (contract M26).</summary>
internal enum AtomKind
{
    Scalar,
    AtomicList,
    SetList,
    KeyedList,
    AtomicMap,
    Map,
}

/// <summary>
/// The merging view of a <see cref="Schema"/>. A null schema stands for "deduced" (x-kubernetes-preserve-unknown-fields, M27):
/// maps are granular, lists atomic.
/// </summary>
internal static class TypedSchema
{
    /// <summary>How a value is merged. What the schema declares decides; where it is silent, the value.</summary>
    public static AtomKind KindOf(Schema? schema, JsonNode? value) => schema switch
    {
        null => value switch { JsonObject => AtomKind.Map, JsonArray => AtomKind.AtomicList, _ => AtomKind.Scalar },
        { IntOrString: true } => AtomKind.Scalar,
        { Type: SchemaType.Any } => KindOf(null, value),
        { Type: SchemaType.Object } => schema.MapType == "atomic" ? AtomKind.AtomicMap : AtomKind.Map,
        { Type: SchemaType.Array } => schema.ListType switch { "set" => AtomKind.SetList, "map" => AtomKind.KeyedList, _ => AtomKind.AtomicList },
        _ => AtomKind.Scalar,
    };

    /// <summary>The schema of a field; not declared when the schema has no place for it.</summary>
    public static (bool IsDeclared, Schema? Schema) Field(Schema? schema, string name)
    {
        if (schema is null || schema.Type == SchemaType.Any)
        {
            return (true, null);
        }

        if (schema.Properties.TryGetValue(name, out Schema? field) || (field = schema.AdditionalProperties) is not null)
        {
            return (true, field);
        }

        return (schema.PreserveUnknownFields, null);
    }

    public static Schema? Items(Schema? schema) => schema?.Items;

    /// <summary>The path element of an item of a set or keyed list; null, with the reason, when it has none.</summary>
    public static PathElement? ElementOf(Schema list, JsonNode? item, out string? problem)
    {
        problem = null;
        if (list.ListType == "set")
        {
            if (item is JsonValue)
            {
                return PathElement.Value(item);
            }

            problem = item is null
                ? "associative list without keys has an element that's an explicit null"
                : "associative list without keys has an element that's a " + (item is JsonObject ? "map" : "list") + " type";
            return null;
        }

        if (item is not JsonObject fields)
        {
            problem = "associative list with keys may not have " + (item is null ? "a null element" : "non-map elements");
            return null;
        }

        JsonObject keys = ListKey.Of(list, fields);
        foreach (string key in list.ListMapKeys)
        {
            if (!keys.ContainsKey(key))
            {
                problem = keys.Count == 0
                    ? $"associative list with keys has an element that omits all key fields [{string.Join(' ', list.ListMapKeys.Select(name => $"\"{name}\""))}] (and doesn't have default values for any key fields)"
                    : $"associative list with keys has an element that omits key field \"{key}\" (and doesn't have default value)";
                return null;
            }
        }

        return PathElement.Key(keys);
    }
}
