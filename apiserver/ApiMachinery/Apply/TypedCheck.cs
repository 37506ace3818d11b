using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Schemas;

namespace AiModels.ApiMachinery.Apply;

/// <summary>Whether a document fits its schema well enough to be merged. Texts are those of structured-merge-diff (contract V7, M32).</summary>
internal sealed class TypedCheck
{
    private readonly bool _allowsDuplicates;
    private readonly List<PathElement> _path = [];
    private readonly List<string> _errors = [];

    private TypedCheck(bool allowsDuplicates) => _allowsDuplicates = allowsDuplicates;

    /// <summary>All problems as one text; null when there are none.</summary>
    /// <param name="allowsDuplicates">Live objects may hold duplicate list items, applied ones may not.</param>
    public static string? Run(Schema schema, JsonObject obj, bool allowsDuplicates)
    {
        var check = new TypedCheck(allowsDuplicates);
        check.Map(schema, obj);
        return check._errors.Count switch
        {
            0 => null,
            1 => check._errors[0],
            _ => "errors:\n" + string.Join('\n', check._errors.Select(error => "  " + error)),
        };
    }

    private void Node(Schema? schema, JsonNode? node)
    {
        if (node is null)
        {
            return; // null fits everywhere
        }

        switch (TypedSchema.KindOf(schema, node))
        {
            case AtomKind.Scalar when schema is not null:
                Scalar(schema, node);
                break;
            case AtomKind.Map or AtomKind.AtomicMap:
                if (node is JsonObject obj)
                {
                    Map(schema, obj);
                }
                else
                {
                    Add($"expected map, got &{{{GoText(node)}}}");
                }

                break;
            case AtomKind.AtomicList or AtomKind.SetList or AtomKind.KeyedList:
                if (node is JsonArray list)
                {
                    List(schema, list);
                }
                else
                {
                    Add($"expected list, got &{{{GoText(node)}}}");
                }

                break;
        }
    }

    private void Map(Schema? schema, JsonObject obj)
    {
        foreach ((string name, JsonNode? value) in obj)
        {
            (bool isDeclared, Schema? field) = TypedSchema.Field(schema, name);
            _path.Add(PathElement.Field(name));
            if (isDeclared)
            {
                Node(field, value);
            }
            else
            {
                Add("field not declared in schema");
            }

            _path.RemoveAt(_path.Count - 1);
        }
    }

    private void List(Schema? schema, JsonArray list)
    {
        bool isAssociative = schema?.ListType is "set" or "map";
        var seen = new HashSet<PathElement>();
        for (int i = 0; i < list.Count; i++)
        {
            PathElement element = new('i', i.ToString());
            if (isAssociative)
            {
                if (TypedSchema.ElementOf(schema!, list[i], out string? problem) is not { } found)
                {
                    Add($"element {i}: {problem}");
                    continue;
                }

                element = found;
                if (!seen.Add(element) && !_allowsDuplicates)
                {
                    Add($"duplicate entries for key {element}");
                }
            }

            _path.Add(element);
            Node(TypedSchema.Items(schema), list[i]);
            _path.RemoveAt(_path.Count - 1);
        }
    }

    private void Scalar(Schema schema, JsonNode node)
    {
        JsonValueKind kind = node is JsonValue value ? value.GetValueKind() : node is JsonObject ? JsonValueKind.Object : JsonValueKind.Array;
        string? problem = schema switch
        {
            { IntOrString: true } => kind is JsonValueKind.Object or JsonValueKind.Array ? $"expected any scalar, got &{{{node.ToJsonString()}}}" : null,
            { Type: SchemaType.String } => kind == JsonValueKind.String ? null : $"expected string, got &value.valueUnstructured{{Value:{node.ToJsonString()}}}",
            { Type: SchemaType.Boolean } => kind is JsonValueKind.True or JsonValueKind.False ? null : $"expected boolean, got &{{{node.ToJsonString().Trim('"')}}}",
            _ => kind == JsonValueKind.Number ? null : $"expected numeric (int or float), got {GoType(kind)}",
        };
        if (problem is not null)
        {
            Add(problem);
        }
    }

    // As Go prints a value with %v.
    private static string GoText(JsonNode? node) => node switch
    {
        null => "<nil>",
        JsonObject obj => $"map[{string.Join(' ', obj.OrderBy(field => field.Key, StringComparer.Ordinal).Select(field => $"{field.Key}:{GoText(field.Value)}"))}]",
        JsonArray list => $"[{string.Join(' ', list.Select(GoText))}]",
        _ => node.ToString(),
    };

    private static string GoType(JsonValueKind kind) => kind switch
    {
        JsonValueKind.String => "string",
        JsonValueKind.Object => "map[string]interface {}",
        JsonValueKind.Array => "[]interface {}",
        _ => "bool",
    };

    private void Add(string problem) => _errors.Add(_path.Count == 0 ? problem : $"{string.Concat(_path)}: {problem}");
}
