using System.Text.Json.Nodes;

namespace AiModels.ApiMachinery.Schemas;

/// <summary>Removes what the schema does not know (contract V8), and says what that was (V5).</summary>
public static class SchemaPruner
{
    /// <summary>
    /// Prunes in place. The result holds the paths of what was removed (spec.x, spec.list[0].y), sorted; it is what goes into
    /// <c>unknown field "…"</c> of strict errors and warnings.
    /// </summary>
    public static IReadOnlyList<string> Prune(Schema schema, JsonObject obj)
    {
        List<string>? removed = null;
        Prune(schema, obj, new PathTrail(), ref removed);
        removed?.Sort(StringComparer.Ordinal);
        return removed ?? (IReadOnlyList<string>)[];
    }

    private static void Prune(Schema schema, JsonNode? node, PathTrail path, ref List<string>? removed)
    {
        switch (node)
        {
            case JsonObject obj:
                PruneObject(schema, obj, path, ref removed);
                break;
            case JsonArray list when schema.Items is { } items && MayPrune(items):
                for (int i = 0; i < list.Count; i++)
                {
                    path.Push(i);
                    Prune(items, list[i], path, ref removed);
                    path.Pop();
                }

                break;
        }
    }

    private static void PruneObject(Schema schema, JsonObject obj, PathTrail path, ref List<string>? removed)
    {
        List<string>? unknown = null;
        foreach ((string key, JsonNode? value) in obj)
        {
            if (schema.Properties.TryGetValue(key, out Schema? field) || (field = schema.AdditionalProperties) is not null)
            {
                if (value is JsonObject or JsonArray)
                {
                    path.Push(key);
                    Prune(field, value, path, ref removed);
                    path.Pop();
                }
            }
            else if (!schema.PreserveUnknownFields && schema.Type != SchemaType.Any)
            {
                (unknown ??= []).Add(key);
            }
        }

        foreach (string key in unknown ?? [])
        {
            obj.Remove(key);
            (removed ??= []).Add(path.With(key));
        }
    }

    private static bool MayPrune(Schema items) => items.Type is SchemaType.Object or SchemaType.Array;
}
