using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Schemas;

namespace AiModels.ApiMachinery.Apply;

/// <summary>The fields that a document mentions: what an apply claims to own (typed.ToFieldSet, contract M21, M26).</summary>
internal sealed class AppliedFields
{
    private readonly FieldSet _set = new();
    private readonly List<PathElement> _path = [];

    private AppliedFields()
    {
    }

    public static FieldSet Of(Schema schema, JsonObject obj)
    {
        var walk = new AppliedFields();
        walk.Map(schema, obj);
        return walk._set;
    }

    private void Node(Schema? schema, JsonNode? node)
    {
        switch (TypedSchema.KindOf(schema, node))
        {
            case AtomKind.Map:
                Map(schema, node as JsonObject);
                break;
            case AtomKind.SetList or AtomKind.KeyedList:
                List(schema!, node as JsonArray);
                break;
            default:
                Claim();
                break;
        }
    }

    private void Map(Schema? schema, JsonObject? obj)
    {
        foreach ((string name, JsonNode? value) in obj ?? [])
        {
            _path.Add(PathElement.Field(name));
            Node(TypedSchema.Field(schema, name).Schema, value);

            // Nothing below speaks for null, {} and []; entries of a map (labels) are owned themselves, declared fields (spec) by what is in them.
            if (value is null or JsonObject { Count: 0 } or JsonArray { Count: 0 } || schema?.Properties.ContainsKey(name) != true)
            {
                Claim();
            }

            _path.RemoveAt(_path.Count - 1);
        }
    }

    private void List(Schema schema, JsonArray? list)
    {
        foreach (JsonNode? item in list ?? [])
        {
            if (TypedSchema.ElementOf(schema, item, out _) is { } element)
            {
                _path.Add(element);
                Node(schema.Items, item);
                Claim();
                _path.RemoveAt(_path.Count - 1);
            }
        }
    }

    private void Claim() => _set.Insert(CollectionsMarshal.AsSpan(_path));
}
