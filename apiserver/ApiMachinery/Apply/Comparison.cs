using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Schemas;

namespace AiModels.ApiMachinery.Apply;

/// <summary>What differs between two states of an object, as sets of fields (typed.Compare, contract M5).</summary>
internal sealed class Comparison
{
    private readonly List<PathElement> _path = [];

    private Comparison()
    {
    }

    public FieldSet Added { get; private set; } = new();

    public FieldSet Modified { get; private set; } = new();

    public FieldSet Removed { get; private set; } = new();

    public bool IsSame => Added.IsEmpty && Modified.IsEmpty && Removed.IsEmpty;

    /// <summary>Compares; values that do not fit the schema are compared as a whole.</summary>
    public static Comparison Of(Schema schema, JsonObject before, JsonObject after)
    {
        var comparison = new Comparison();
        comparison.Map(schema, before, after);
        return comparison;
    }

    /// <summary>Leaves out what nobody can own, or what this request cannot write.</summary>
    public Comparison Through(Func<FieldSet, FieldSet> filter)
    {
        Added = filter(Added);
        Modified = filter(Modified);
        Removed = filter(Removed);
        return this;
    }

    private void Node(Schema? schema, bool hasBefore, JsonNode? before, bool hasAfter, JsonNode? after)
    {
        AtomKind kind = TypedSchema.KindOf(schema, hasAfter && after is not null ? after : before);
        bool isContainer = kind switch
        {
            AtomKind.Map => Fits<JsonObject>(hasBefore, before, hasAfter, after),
            AtomKind.SetList or AtomKind.KeyedList => Fits<JsonArray>(hasBefore, before, hasAfter, after),
            _ => false,
        };
        if (!isContainer)
        {
            Leaf(hasBefore, before, hasAfter, after);
            if (hasBefore && hasAfter && TypedSchema.KindOf(schema, before) != TypedSchema.KindOf(schema, after))
            {
                // A map became a scalar, or the other way round: what was below is gone, what is below is new.
                Children(schema, before, isBefore: true);
                Children(schema, after, isBefore: false);
            }

            return;
        }

        if (kind == AtomKind.Map)
        {
            Map(schema, before as JsonObject, after as JsonObject);
        }
        else
        {
            List(schema!, before as JsonArray, after as JsonArray);
        }

        if (!hasBefore)
        {
            Insert(Added);
        }
        else if (!hasAfter)
        {
            Insert(Removed);
        }
    }

    private void Children(Schema? schema, JsonNode? node, bool isBefore)
    {
        if (TypedSchema.KindOf(schema, node) == AtomKind.Map && node is JsonObject obj)
        {
            Map(schema, isBefore ? obj : null, isBefore ? null : obj);
        }
    }

    /// <summary>Both sides are of the type (or absent), and at least one has something in it: empty and null are leaves.</summary>
    private static bool Fits<T>(bool hasBefore, JsonNode? before, bool hasAfter, JsonNode? after)
        where T : JsonNode =>
        (!hasBefore || before is null or T) && (!hasAfter || after is null or T) && (!IsEmpty(before) || !IsEmpty(after));

    private static bool IsEmpty(JsonNode? node) => node is null or JsonObject { Count: 0 } or JsonArray { Count: 0 };

    private void Leaf(bool hasBefore, JsonNode? before, bool hasAfter, JsonNode? after)
    {
        if (!hasBefore)
        {
            Insert(Added);
        }
        else if (!hasAfter)
        {
            Insert(Removed);
        }
        else if (!JsonKinds.Same(before, after))
        {
            Insert(Modified);
        }
    }

    private void Map(Schema? schema, JsonObject? before, JsonObject? after)
    {
        foreach ((string name, JsonNode? value) in before ?? [])
        {
            JsonNode? other = null;
            bool hasOther = after is not null && after.TryGetPropertyValue(name, out other);
            Step(PathElement.Field(name), TypedSchema.Field(schema, name).Schema, true, value, hasOther, other);
        }

        foreach ((string name, JsonNode? value) in after ?? [])
        {
            if (before is null || !before.ContainsKey(name))
            {
                Step(PathElement.Field(name), TypedSchema.Field(schema, name).Schema, false, null, true, value);
            }
        }
    }

    private void List(Schema schema, JsonArray? before, JsonArray? after)
    {
        Dictionary<PathElement, List<JsonNode?>> left = Index(schema, before), right = Index(schema, after);
        foreach ((PathElement element, List<JsonNode?> items) in left)
        {
            if (!right.TryGetValue(element, out List<JsonNode?>? others))
            {
                Step(element, schema.Items, true, items[0], false, null);
            }
            else if (items.Count == 1 && others.Count == 1)
            {
                Step(element, schema.Items, true, items[0], true, others[0]);
            }
            else if (items.Count != others.Count || !items.Zip(others).All(pair => JsonKinds.Same(pair.First, pair.Second)))
            {
                // Duplicates cannot be told apart: they change as one.
                _path.Add(element);
                Insert(Modified);
                _path.RemoveAt(_path.Count - 1);
            }
        }

        foreach ((PathElement element, List<JsonNode?> items) in right)
        {
            if (!left.ContainsKey(element))
            {
                Step(element, schema.Items, false, null, true, items[0]);
            }
        }
    }

    private static Dictionary<PathElement, List<JsonNode?>> Index(Schema schema, JsonArray? list)
    {
        var index = new Dictionary<PathElement, List<JsonNode?>>();
        foreach (JsonNode? item in list ?? [])
        {
            if (TypedSchema.ElementOf(schema, item, out _) is { } element)
            {
                CollectionsMarshal.GetValueRefOrAddDefault(index, element, out _) ??= [];
                index[element].Add(item);
            }
        }

        return index;
    }

    private void Step(PathElement element, Schema? schema, bool hasBefore, JsonNode? before, bool hasAfter, JsonNode? after)
    {
        _path.Add(element);
        Node(schema, hasBefore, before, hasAfter, after);
        _path.RemoveAt(_path.Count - 1);
    }

    private void Insert(FieldSet set) => set.Insert(CollectionsMarshal.AsSpan(_path));
}
