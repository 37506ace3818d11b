using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Apply;
using AiModels.ApiMachinery.Schemas;

namespace AiModels.ApiMachinery.Patching;

/// <summary>
/// Strategic merge patch (k8s.io/apimachinery/pkg/util/strategicpatch), for the kinds of the stand-in host cluster: like a merge patch, but lists of type
/// map are merged by their first key, lists of type set as sets, and directives say more: <c>$patch</c> (replace, delete, merge), <c>$retainKeys</c>,
/// <c>$deleteFromPrimitiveList/FIELD</c>, <c>$setElementOrder/FIELD</c>.
/// </summary>
public static class StrategicMergePatch
{
    private const string Directive = "$patch", RetainKeys = "$retainKeys";
    private const string DeletePrefix = "$deleteFromPrimitiveList/", OrderPrefix = "$setElementOrder/";

    /// <summary>The patched object. Neither argument is changed.</summary>
    /// <exception cref="PatchException">A directive that makes no sense.</exception>
    public static JsonObject Apply(Schema schema, JsonObject target, JsonObject patch) => MergeMaps(schema, (JsonObject)target.DeepClone(), patch);

    /// <summary>Changes and returns <paramref name="original"/>, which has no parent or may lose it.</summary>
    private static JsonObject MergeMaps(Schema? schema, JsonObject original, JsonObject patch)
    {
        switch (DirectiveOf(patch))
        {
            case null or "merge":
                break;
            case "replace":
                return MergeMaps(schema, [], Without(patch, Directive));
            case "delete":
                return [];
            case { } unknown:
                throw PatchException.Malformed($"unknown patch type found: {unknown} in map");
        }

        if (patch[RetainKeys] is JsonArray retained)
        {
            var keys = retained.Select(key => key?.ToString() ?? "").ToHashSet(StringComparer.Ordinal);
            foreach (string name in original.Select(field => field.Key).Where(name => !keys.Contains(name)).ToList())
            {
                original.Remove(name);
            }
        }

        foreach ((string name, JsonNode? value) in patch)
        {
            if (name.StartsWith(DeletePrefix, StringComparison.Ordinal))
            {
                DeleteItems(original[name[DeletePrefix.Length..]] as JsonArray, List(name, value));
            }
            else if (!name.StartsWith('$'))
            {
                Set(original, name, MergeField(TypedSchema.Field(schema, name).Schema, original, name, value));
            }
        }

        foreach ((string name, JsonNode? value) in patch)
        {
            if (name.StartsWith(OrderPrefix, StringComparison.Ordinal) && original[name[OrderPrefix.Length..]] is JsonArray list)
            {
                string field = name[OrderPrefix.Length..];
                original[field] = Ordered(TypedSchema.Field(schema, field).Schema, list, List(name, value), patch[field] as JsonArray);
            }
        }

        return original;
    }

    private static JsonNode? MergeField(Schema? schema, JsonObject original, string name, JsonNode? value)
    {
        JsonNode? existing = original[name];
        original.Remove(name);
        return value switch
        {
            null => null,
            JsonObject map => DirectiveOf(map) == "delete" ? null : MergeMaps(schema, existing as JsonObject ?? [], map),
            JsonArray list => MergeLists(schema, existing as JsonArray ?? [], list),
            _ => value.DeepClone(),
        };
    }

    private static void Set(JsonObject obj, string name, JsonNode? value)
    {
        if (value is not null)
        {
            obj[name] = value;
        }
    }

    private static JsonArray MergeLists(Schema? schema, JsonArray original, JsonArray patch) => TypedSchema.KindOf(schema, patch) switch
    {
        AtomKind.KeyedList => MergeKeyed(schema!, original, patch),
        AtomKind.SetList => MergeSets(original, patch),
        _ => new JsonArray([.. patch.Select(item => item?.DeepClone())]),
    };

    private static JsonArray MergeKeyed(Schema schema, JsonArray original, JsonArray patch)
    {
        List<JsonObject> items = [.. patch.Select(item => item as JsonObject ?? throw PatchException.Malformed("a list that is merged by key holds something that is no map"))];
        if (items.Any(item => DirectiveOf(item) == "replace"))
        {
            original = [];
            items.RemoveAll(item => DirectiveOf(item) == "replace" && item.Count == 1);
        }

        foreach (JsonObject item in items)
        {
            RequireKey(schema, item);
            int at = IndexOf(schema, original, item);
            if (DirectiveOf(item) == "delete")
            {
                while (at >= 0)
                {
                    original.RemoveAt(at);
                    at = IndexOf(schema, original, item);
                }
            }
            else if (at < 0)
            {
                original.Add(MergeMaps(schema.Items, [], Without(item, Directive)));
            }
            else
            {
                var existing = (JsonObject)original[at]!;
                original[at] = null;
                original[at] = MergeMaps(schema.Items, existing, item);
            }
        }

        return original;
    }

    private static JsonArray MergeSets(JsonArray original, JsonArray patch)
    {
        foreach (JsonNode? item in patch)
        {
            if (!original.Any(known => JsonKinds.Same(known, item)))
            {
                original.Add(item?.DeepClone());
            }
        }

        return original;
    }

    private static void DeleteItems(JsonArray? original, JsonArray unwanted)
    {
        for (int i = (original?.Count ?? 0) - 1; i >= 0; i--)
        {
            if (unwanted.Any(item => JsonKinds.Same(item, original![i])))
            {
                original!.RemoveAt(i);
            }
        }
    }

    /// <summary>Items that the patch orders come in that order; what only the server has stays near where it was.</summary>
    private static JsonArray Ordered(Schema? schema, JsonArray list, JsonArray order, JsonArray? patched)
    {
        bool IsSame(JsonNode? left, JsonNode? right) =>
            left is JsonObject a && right is JsonObject b && schema is { ListType: "map" } ? HasSameKey(schema, a, b) : JsonKinds.Same(left, right);

        foreach (JsonNode? item in patched ?? [])
        {
            if (item is not JsonObject { } map || DirectiveOf(map) is null)
            {
                if (!order.Any(known => IsSame(known, item)))
                {
                    throw PatchException.Malformed($"The order in patch list:\n{patched!.ToJsonString()}\n doesn't match {OrderPrefix} list:\n{order.ToJsonString()}\n");
                }
            }
        }

        List<JsonNode?> server = [.. list];
        Queue<JsonNode?> ordered = new(order.SelectMany(wanted => server.Where(item => IsSame(wanted, item))).Distinct());
        Queue<JsonNode?> others = new(server.Where(item => !order.Any(wanted => IsSame(wanted, item))));
        var result = new List<JsonNode?>();
        while (ordered.Count > 0 || others.Count > 0)
        {
            bool takesOrdered = others.Count == 0 || (ordered.Count > 0 && server.IndexOf(ordered.Peek()) < server.IndexOf(others.Peek()));
            result.Add((takesOrdered ? ordered : others).Dequeue());
        }

        list.Clear();
        return new JsonArray([.. result]);
    }

    private static void RequireKey(Schema schema, JsonObject item)
    {
        if (!item.ContainsKey(schema.ListMapKeys[0]))
        {
            throw PatchException.Malformed($"map: {item.ToJsonString()} does not contain declared merge key: {schema.ListMapKeys[0]}");
        }
    }

    private static int IndexOf(Schema schema, JsonArray list, JsonObject item)
    {
        for (int i = 0; i < list.Count; i++)
        {
            if (list[i] is JsonObject existing && HasSameKey(schema, existing, item))
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>
    /// The first key decides, as in upstream. Further keys that both items have must agree as well: port 53 UDP and port 53 TCP are two ports.
    /// </summary>
    private static bool HasSameKey(Schema schema, JsonObject left, JsonObject right)
    {
        for (int i = 0; i < schema.ListMapKeys.Count; i++)
        {
            string key = schema.ListMapKeys[i];
            JsonNode? fallback = i == 0 ? null : schema.Items?.Properties.GetValueOrDefault(key)?.Default;
            JsonNode? a = left[key] ?? fallback, b = right[key] ?? fallback;
            if (!JsonKinds.Same(a, b) && (i == 0 || (a is not null && b is not null)))
            {
                return false;
            }
        }

        return true;
    }

    private static string? DirectiveOf(JsonObject map) =>
        map.TryGetPropertyValue(Directive, out JsonNode? value) ? value?.ToString() ?? "" : null;

    private static JsonObject Without(JsonObject map, string field)
    {
        var copy = (JsonObject)map.DeepClone();
        copy.Remove(field);
        return copy;
    }

    private static JsonArray List(string name, JsonNode? value) =>
        value as JsonArray ?? throw PatchException.Malformed($"{name} must be a list");
}
