using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Schemas;

namespace AiModels.ApiMachinery.Apply;

/// <summary>A copy of an object without some of its fields and list items (typed.RemoveItems).</summary>
internal static class ItemRemoval
{
    public static JsonObject From(Schema? schema, JsonObject obj, FieldSet fields)
    {
        var result = new JsonObject();
        foreach ((string name, JsonNode? value) in obj)
        {
            PathElement element = PathElement.Field(name);
            if (!fields.Has(element))
            {
                result[name] = Below(TypedSchema.Field(schema, name).Schema, value, fields.Below(element));
            }
        }

        return result;
    }

    private static JsonNode? Below(Schema? schema, JsonNode? node, FieldSet fields) => (TypedSchema.KindOf(schema, node), node) switch
    {
        _ when fields.IsEmpty => node?.DeepClone(),
        (AtomKind.Map, JsonObject obj) => From(schema, obj, fields),
        (AtomKind.SetList or AtomKind.KeyedList, JsonArray list) => FromList(schema!, list, fields),
        _ => node?.DeepClone(),
    };

    private static JsonArray FromList(Schema schema, JsonArray list, FieldSet fields)
    {
        var result = new JsonArray();
        foreach (JsonNode? item in list)
        {
            PathElement? element = TypedSchema.ElementOf(schema, item, out _);
            if (element is not { } known)
            {
                result.Add(item?.DeepClone());
            }
            else if (!fields.Has(known))
            {
                result.Add(Below(schema.Items, item, fields.Below(known)));
            }
        }

        return result;
    }
}
