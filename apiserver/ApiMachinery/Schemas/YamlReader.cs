using System.Text;
using System.Text.Json.Nodes;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace AiModels.ApiMachinery.Schemas;

/// <summary>
/// YAML as sigs.k8s.io/yaml reads it: the first document, converted to what JSON can say. Aliases and merge keys work, within a budget,
/// so that a small document cannot unfold into a huge one.
/// </summary>
internal static class YamlReader
{
    // No honest manifest repeats itself to this size; the body limit is 3 MiB.
    private const int MaximumNodes = 500_000;

    /// <exception cref="DocumentFormatException">Not YAML, or too large when unfolded.</exception>
    public static DecodedDocument Read(ReadOnlySpan<byte> utf8)
    {
        try
        {
            var parser = new Parser(new StringReader(Encoding.UTF8.GetString(utf8)));
            parser.Consume<StreamStart>();
            if (!parser.TryConsume<DocumentStart>(out _))
            {
                return new DecodedDocument(null, []);
            }

            var walk = new Walk(parser);
            JsonNode? root = walk.Node(0);
            return new DecodedDocument(root, walk.Duplicates.Count == 0 ? [] : ["yaml: unmarshal errors:\n  " + string.Join("\n  ", walk.Duplicates)]);
        }
        catch (YamlException e)
        {
            throw new DocumentFormatException($"yaml: line {e.Start.Line}: {e.Message}");
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException or FormatException or OverflowException)
        {
            // The scanner throws these, too, for some malformed documents.
            throw new DocumentFormatException("yaml: " + e.Message);
        }
    }

    private sealed class Walk(IParser parser)
    {
        private readonly Dictionary<string, JsonNode?> _anchors = [];
        private readonly HashSet<string> _open = [];
        private int _nodes;

        public List<string> Duplicates { get; } = [];

        public JsonNode? Node(int depth)
        {
            if (depth > DocumentDecoder.MaximumDepth)
            {
                throw new DocumentFormatException($"yaml: exceeded max depth of {DocumentDecoder.MaximumDepth}");
            }

            Spend(1);
            ParsingEvent current = parser.Consume<ParsingEvent>();
            if (current is NodeEvent { Anchor.IsEmpty: false } opened)
            {
                _open.Add(opened.Anchor.Value);
            }

            JsonNode? node = current switch
            {
                Scalar scalar => YamlScalar.ToJson(scalar),
                MappingStart => Mapping(depth),
                SequenceStart => Sequence(depth),
                AnchorAlias alias => Alias(alias),
                _ => throw new DocumentFormatException($"yaml: line {current.Start.Line}: did not find expected node content"),
            };
            if (current is NodeEvent { Anchor.IsEmpty: false } anchored)
            {
                _anchors[anchored.Anchor.Value] = node;
                _open.Remove(anchored.Anchor.Value);
            }

            return node;
        }

        private JsonObject Mapping(int depth)
        {
            var obj = new JsonObject();
            var merged = new List<JsonObject>();
            while (!parser.TryConsume<MappingEnd>(out _))
            {
                if (!parser.TryConsume<Scalar>(out var key))
                {
                    throw new DocumentFormatException($"yaml: line {parser.Current?.Start.Line}: a key must be a scalar");
                }

                JsonNode? value = Node(depth + 1);
                if (key is { Value: "<<", Style: ScalarStyle.Plain })
                {
                    merged.AddRange(value is JsonArray several ? several.OfType<JsonObject>() : value is JsonObject one ? [one] : []);
                    continue;
                }

                if (obj.ContainsKey(key.Value))
                {
                    Duplicates.Add($"line {key.Start.Line}: key \"{key.Value}\" already set in map");
                }

                obj[key.Value] = value;
            }

            // The mapping's own keys win over merged ones, earlier merges over later.
            foreach ((string key, JsonNode? value) in merged.SelectMany(source => source))
            {
                obj.TryAdd(key, value?.DeepClone());
            }

            return obj;
        }

        private JsonArray Sequence(int depth)
        {
            var list = new JsonArray();
            while (!parser.TryConsume<SequenceEnd>(out _))
            {
                list.Add(Node(depth + 1));
            }

            return list;
        }

        private JsonNode? Alias(AnchorAlias alias)
        {
            string name = alias.Value.Value;
            if (_open.Contains(name))
            {
                throw new DocumentFormatException($"yaml: anchor '{name}' value contains itself");
            }

            if (!_anchors.TryGetValue(name, out JsonNode? node))
            {
                throw new DocumentFormatException($"yaml: unknown anchor '{name}' referenced");
            }

            Spend(Count(node));
            return node?.DeepClone();
        }

        private void Spend(int nodes)
        {
            _nodes += nodes;
            if (_nodes > MaximumNodes)
            {
                throw new DocumentFormatException("yaml: document contains excessive aliasing");
            }
        }

        private static int Count(JsonNode? node) => 1 + node switch
        {
            JsonObject obj => obj.Sum(field => Count(field.Value)),
            JsonArray list => list.Sum(Count),
            _ => 0,
        };
    }
}
