using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Schemas;

namespace AiModels.ApiMachinery.Apply;

/// <summary>Lays an applied document over a live one by schema (typed.Merge, contract M21, M26). Results are new trees; the arguments stay as they are.</summary>
internal static class Merge
{
    public static JsonObject Objects(Schema? schema, JsonObject live, JsonObject applied)
    {
        var result = new JsonObject();
        foreach ((string name, JsonNode? value) in live)
        {
            result[name] = applied.TryGetPropertyValue(name, out JsonNode? other)
                ? Nodes(TypedSchema.Field(schema, name).Schema, value, other)
                : value?.DeepClone();
        }

        foreach ((string name, JsonNode? value) in applied)
        {
            if (!live.ContainsKey(name))
            {
                result[name] = value?.DeepClone();
            }
        }

        return result;
    }

    private static JsonNode? Nodes(Schema? schema, JsonNode? live, JsonNode? applied) => (TypedSchema.KindOf(schema, applied), live, applied) switch
    {
        (AtomKind.Map, JsonObject { Count: > 0 } old, JsonObject now) => Objects(schema, old, now),
        (AtomKind.Map, JsonObject { Count: > 0 } old, null) => old.DeepClone(),
        (AtomKind.SetList or AtomKind.KeyedList, JsonArray { Count: > 0 } old, JsonArray now) => Lists(schema!, old, now),
        (AtomKind.SetList or AtomKind.KeyedList, JsonArray { Count: > 0 } old, null) => old.DeepClone(),
        _ => applied?.DeepClone(),
    };

    /// <summary>Items that are applied come in the applied order; live ones that are not stay where they were in between.</summary>
    private static JsonArray Lists(Schema schema, JsonArray live, JsonArray applied)
    {
        PathElement[] left = Elements(schema, live), right = Elements(schema, applied);
        var liveItems = new Dictionary<PathElement, JsonNode?>();
        for (int i = 0; i < left.Length; i++)
        {
            // A duplicate cannot be merged with: the applied item replaces it.
            liveItems[left[i]] = liveItems.ContainsKey(left[i]) ? null : live[i];
        }

        var appliedElements = right.ToHashSet();
        var shared = new Queue<PathElement>(right.Where(liveItems.ContainsKey));
        var merged = new HashSet<PathElement>();
        var result = new JsonArray();

        void Take(int at)
        {
            merged.Add(right[at]);
            result.Add(liveItems.GetValueOrDefault(right[at]) is { } old ? Nodes(schema.Items, old, applied[at]) : applied[at]?.DeepClone());
            if (shared.TryPeek(out PathElement next) && next == right[at])
            {
                shared.Dequeue();
            }
        }

        int l = 0, r = 0;
        while (l < left.Length || r < right.Length)
        {
            if (l < left.Length && r < right.Length)
            {
                if (left[l] == right[r])
                {
                    Take(r);
                    l++;
                    r++;
                    continue;
                }

                if (appliedElements.Contains(left[l]) && shared.TryPeek(out PathElement next) && next != left[l])
                {
                    l++; // shared, but its turn is later (or was before)
                    continue;
                }
            }

            if (l < left.Length)
            {
                if (!appliedElements.Contains(left[l]))
                {
                    result.Add(live[l]?.DeepClone());
                    l++;
                    continue;
                }

                if (merged.Contains(left[l]))
                {
                    l++;
                }
            }

            if (r < right.Length)
            {
                Take(r);
                r++;
            }
        }

        return result;
    }

    // Items without a key (only in live objects that never fitted) stand for themselves by position.
    private static PathElement[] Elements(Schema schema, JsonArray list) =>
        [.. list.Select((item, i) => TypedSchema.ElementOf(schema, item, out _) ?? new PathElement('i', $"{i}"))];
}
