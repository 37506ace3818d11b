using System.Text.Json.Nodes;

namespace AiModels.ApiMachinery.Apply;

/// <summary>
/// A set of field paths as a trie (sigs.k8s.io/structured-merge-diff, fieldpath.Set): a path is in the set when its last element is a member.
/// Sets are built with <see cref="Insert"/> and not changed afterwards; operations give new ones, which may share parts.
/// </summary>
internal sealed class FieldSet
{
    private readonly Dictionary<PathElement, Node> _nodes = [];

    private readonly record struct Node(bool IsMember, FieldSet? Children)
    {
        public bool IsEmpty => !IsMember && (Children is null || Children.IsEmpty);
    }

    /// <summary>The empty set. Never insert into it.</summary>
    public static FieldSet Empty { get; } = new();

    public bool IsEmpty => _nodes.Count == 0;

    /// <summary>The set of these paths, each given by field names.</summary>
    public static FieldSet Of(params IEnumerable<string[]> paths)
    {
        var set = new FieldSet();
        foreach (string[] path in paths)
        {
            set.Insert([.. path.Select(PathElement.Field)]);
        }

        return set;
    }

    public void Insert(ReadOnlySpan<PathElement> path)
    {
        if (path.IsEmpty)
        {
            return; // the object itself is nobody's
        }

        Node node = _nodes.GetValueOrDefault(path[0]);
        if (path.Length == 1)
        {
            _nodes[path[0]] = node with { IsMember = true };
            return;
        }

        if (node.Children is null)
        {
            node = node with { Children = new FieldSet() };
            _nodes[path[0]] = node;
        }

        node.Children!.Insert(path[1..]);
    }

    public bool Has(PathElement element) => _nodes.TryGetValue(element, out Node node) && node.IsMember;

    /// <summary>What is below an element; empty when nothing is.</summary>
    public FieldSet Below(PathElement element) => _nodes.TryGetValue(element, out Node node) ? node.Children ?? Empty : Empty;

    public FieldSet Union(FieldSet other)
    {
        if (IsEmpty || ReferenceEquals(this, other))
        {
            return other;
        }

        if (other.IsEmpty)
        {
            return this;
        }

        var result = new FieldSet();
        foreach ((PathElement element, Node node) in _nodes)
        {
            result._nodes[element] = other._nodes.TryGetValue(element, out Node second)
                ? new Node(
                    node.IsMember || second.IsMember,
                    node.Children is null ? second.Children : second.Children is null ? node.Children : node.Children.Union(second.Children))
                : node;
        }

        foreach ((PathElement element, Node node) in other._nodes)
        {
            result._nodes.TryAdd(element, node);
        }

        return result;
    }

    public FieldSet Intersect(FieldSet other)
    {
        var result = new FieldSet();
        foreach ((PathElement element, Node node) in _nodes)
        {
            if (other._nodes.TryGetValue(element, out Node second))
            {
                FieldSet? children = node.Children is null || second.Children is null ? null : node.Children.Intersect(second.Children);
                result.Put(element, new Node(node.IsMember && second.IsMember, children));
            }
        }

        return result;
    }

    /// <summary>Removes the paths of another set, and nothing below them.</summary>
    public FieldSet Except(FieldSet other) => Except(other, isRecursive: false);

    /// <summary>Removes the paths of another set with everything below them.</summary>
    public FieldSet ExceptTrees(FieldSet other) => Except(other, isRecursive: true);

    private FieldSet Except(FieldSet other, bool isRecursive)
    {
        if (IsEmpty || other.IsEmpty)
        {
            return this;
        }

        var result = new FieldSet();
        foreach ((PathElement element, Node node) in _nodes)
        {
            if (!other._nodes.TryGetValue(element, out Node second))
            {
                result._nodes[element] = node;
            }
            else if (!(isRecursive && second.IsMember))
            {
                FieldSet? children = second.Children is null ? node.Children : node.Children?.Except(second.Children, isRecursive);
                result.Put(element, new Node(node.IsMember && !second.IsMember, children));
            }
        }

        return result;
    }

    /// <summary>Only what is at or below one top-level field.</summary>
    public FieldSet Only(string field)
    {
        var result = new FieldSet();
        PathElement element = PathElement.Field(field);
        if (_nodes.TryGetValue(element, out Node node))
        {
            result._nodes[element] = node;
        }

        return result;
    }

    public bool SameAs(FieldSet other)
    {
        if (_nodes.Count != other._nodes.Count)
        {
            return false;
        }

        foreach ((PathElement element, Node node) in _nodes)
        {
            if (!other._nodes.TryGetValue(element, out Node second) || node.IsMember != second.IsMember
                || !(node.Children ?? Empty).SameAs(second.Children ?? Empty))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>
    /// The set with every declared field that has something below it as a member as well: removing the last label then removes labels.
    /// </summary>
    public FieldSet WithNamedFields(Schemas.Schema? schema)
    {
        var result = new FieldSet();
        foreach ((PathElement element, Node node) in _nodes)
        {
            bool isNamed = element.Kind == 'f' && node.Children is { IsEmpty: false } && schema?.Properties.ContainsKey(element.Text) == true;
            Schemas.Schema? child = element.Kind == 'f' ? TypedSchema.Field(schema, element.Text).Schema : TypedSchema.Items(schema);
            result._nodes[element] = new Node(node.IsMember || isNamed, node.Children?.WithNamedFields(child));
        }

        return result;
    }

    /// <summary>Every path of the set as text, sorted.</summary>
    public IEnumerable<string> Paths() => Paths("");

    private IEnumerable<string> Paths(string prefix)
    {
        foreach ((PathElement element, Node node) in Sorted())
        {
            string path = prefix + element;
            if (node.IsMember)
            {
                yield return path;
            }

            foreach (string below in node.Children?.Paths(path) ?? [])
            {
                yield return below;
            }
        }
    }

    /// <summary>fieldsV1.</summary>
    public JsonObject ToJson()
    {
        var json = new JsonObject();
        foreach ((PathElement element, Node node) in Sorted())
        {
            JsonObject below = node.Children?.ToJson() ?? [];
            if (node.IsMember && below.Count > 0)
            {
                below.Insert(0, ".", new JsonObject());
            }

            json[element.Encode()] = below;
        }

        return json;
    }

    /// <summary>Reads fieldsV1.</summary>
    /// <exception cref="FormatException">Not a field set.</exception>
    public static FieldSet FromJson(JsonObject json)
    {
        var set = new FieldSet();
        foreach ((string key, JsonNode? value) in json)
        {
            if (key == ".")
            {
                continue; // told by the level above
            }

            JsonObject below = value as JsonObject ?? throw new FormatException($"field set element \"{key}\" is no object");
            FieldSet children = FromJson(below);
            set._nodes[PathElement.Decode(key)] = new Node(below.Count == 0 || below.ContainsKey("."), children.IsEmpty ? null : children);
        }

        return set;
    }

    private IEnumerable<KeyValuePair<PathElement, Node>> Sorted() => _nodes.OrderBy(pair => pair.Key, Comparer<PathElement>.Create((x, y) => x.CompareTo(y)));

    // A node without members has no place in a set.
    private void Put(PathElement element, Node node)
    {
        Node normal = node.Children is { IsEmpty: true } ? node with { Children = null } : node;
        if (!normal.IsEmpty)
        {
            _nodes[element] = normal;
        }
    }
}
