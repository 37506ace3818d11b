using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace AiModels.ApiMachinery.Schemas;

/// <summary>A decoded request body.</summary>
/// <param name="Root">The document; null for a JSON null or an empty YAML document.</param>
/// <param name="Duplicates">What strict decoding complains about: <c>duplicate field "spec.y"</c> (contract V5). The last value won.</param>
public sealed record DecodedDocument(JsonNode? Root, IReadOnlyList<string> Duplicates)
{
    /// <summary>The document, when it is an object.</summary>
    public JsonObject? Object => Root as JsonObject;
}

/// <summary>A body that is not JSON or YAML.</summary>
public sealed class DocumentFormatException(string message) : Exception(message)
{
    /// <summary>Whether the syntax is right and only a value cannot be represented (1e999): then the kind of the document is known, and named.</summary>
    public bool IsValue { get; init; }
}

/// <summary>
/// Turns bytes into a <see cref="JsonNode"/> tree of plain .NET values (string, long, double, bool), which later stages read without parsing again.
/// Unlike JsonNode.Parse it survives duplicate fields, which must be reported by path and not fail.
/// </summary>
public static class DocumentDecoder
{
    // JsonNode.Parse, which readers of stored documents use, goes no deeper.
    internal const int MaximumDepth = 64;

    /// <summary>Reads one JSON document.</summary>
    /// <exception cref="DocumentFormatException">Not JSON.</exception>
    public static DecodedDocument DecodeJson(ReadOnlySpan<byte> utf8)
    {
        try
        {
            return DecodeText(utf8);
        }
        catch (InvalidOperationException)
        {
            // What is no UTF-8 or UTF-16: the reader finds it only when the string is asked for.
            return DecodeText(LenientText.Repair(utf8));
        }
    }

    private static DecodedDocument DecodeText(ReadOnlySpan<byte> utf8)
    {
        try
        {
            return Decode(utf8);
        }
        catch (JsonException)
        {
            // Where Go's scanner finds nothing wrong, it would have gone deeper.
            throw new DocumentFormatException(JsonSyntax.Problem(utf8) ?? "exceeded max depth");
        }
    }

    private static DecodedDocument Decode(ReadOnlySpan<byte> utf8)
    {
        var reader = new Utf8JsonReader(utf8, new JsonReaderOptions { MaxDepth = MaximumDepth });
        var walk = new JsonWalk();
        reader.Read();
        JsonNode? root = walk.Value(ref reader);
        reader.Read(); // Throws when something follows.
        return new DecodedDocument(root, walk.Duplicates ?? (IReadOnlyList<string>)[]);
    }

    /// <summary>Reads one YAML document, or JSON, which clients also send under YAML's name (contract M20).</summary>
    /// <exception cref="DocumentFormatException">Not YAML.</exception>
    public static DecodedDocument DecodeYaml(ReadOnlySpan<byte> utf8)
    {
        if (utf8.TrimStart(" \t\r\n"u8) is [(byte)'{', ..])
        {
            try
            {
                DecodedDocument document = DecodeJson(utf8);
                if (document.Duplicates.Count == 0)
                {
                    return document;
                }

                // YAML's reader tells the lines of what is named twice.
            }
            catch (DocumentFormatException)
            {
                // A flow mapping with YAML's liberties.
            }
        }

        return YamlReader.Read(utf8);
    }

    private sealed class JsonWalk
    {
        private readonly PathTrail _path = new();

        public List<string>? Duplicates { get; private set; }

        public JsonNode? Value(ref Utf8JsonReader reader) => reader.TokenType switch
        {
            JsonTokenType.StartObject => Object(ref reader),
            JsonTokenType.StartArray => List(ref reader),
            JsonTokenType.String => JsonValue.Create(reader.GetString()),
            JsonTokenType.Number => reader.TryGetInt64(out long integer) ? JsonValue.Create(integer) : Real(ref reader),
            JsonTokenType.True => JsonValue.Create(true),
            JsonTokenType.False => JsonValue.Create(false),
            _ => null,
        };

        private JsonObject Object(ref Utf8JsonReader reader)
        {
            var obj = new JsonObject();
            while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
            {
                string name = reader.GetString()!;
                reader.Read();
                _path.Push(name);
                JsonNode? value = Value(ref reader);
                if (!obj.TryAdd(name, value))
                {
                    (Duplicates ??= []).Add($"duplicate field \"{_path}\"");
                    obj[name] = value;
                }

                _path.Pop();
            }

            return obj;
        }

        private JsonArray List(ref Utf8JsonReader reader)
        {
            var list = new JsonArray();
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                _path.Push(list.Count);
                list.Add(Value(ref reader));
                _path.Pop();
            }

            return list;
        }

        private static JsonValue Real(ref Utf8JsonReader reader)
        {
            double real = reader.GetDouble();
            return double.IsFinite(real)
                ? JsonValue.Create(real)
                : throw new DocumentFormatException($"json: cannot unmarshal number {Encoding.UTF8.GetString(reader.ValueSpan)} into Go value of type float64") { IsValue = true };
        }
    }
}
