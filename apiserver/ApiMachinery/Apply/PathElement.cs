using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace AiModels.ApiMachinery.Apply;

/// <summary>One step of a field path, the way fieldsV1 spells it: kind, colon, text (contract M2).</summary>
/// <param name="Kind">f: field or map key; k: item of a keyed list; v: item of a set; i: position.</param>
/// <param name="Text">The name; the keys as compact JSON, sorted; the value as compact JSON; the number.</param>
internal readonly record struct PathElement(char Kind, string Text)
{
    private static readonly JsonSerializerOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static PathElement Field(string name) => new('f', name);

    public static PathElement Key(JsonObject keys) => new('k', keys.ToJsonString(Compact));

    public static PathElement Value(JsonNode? value) => new('v', value?.ToJsonString(Compact) ?? "null");

    public string Encode() => $"{Kind}:{Text}";

    /// <summary>Reads a key of fieldsV1, in canonical form.</summary>
    /// <exception cref="FormatException">Not a path element.</exception>
    public static PathElement Decode(string text)
    {
        if (text.Length < 2 || text[1] != ':')
        {
            throw new FormatException($"missing colon in field set element \"{text}\"");
        }

        string body = text[2..];
        try
        {
            return text[0] switch
            {
                'f' => Field(body),
                'i' => new PathElement('i', int.Parse(body, System.Globalization.NumberStyles.None).ToString()),
                'v' => Value(JsonNode.Parse(body)),
                'k' => Key(Sorted(JsonNode.Parse(body) as JsonObject ?? throw new FormatException($"keys are no object in field set element \"{text}\""))),
                _ => throw new FormatException($"unknown type of field set element \"{text}\""),
            };
        }
        catch (Exception e) when (e is JsonException or OverflowException or ArgumentException)
        {
            throw new FormatException($"bad field set element \"{text}\": {e.Message}");
        }
    }

    /// <summary>For people and conflict causes (contract M31): .name, [key="a"], [="v"], [0].</summary>
    public override string ToString() => Kind switch
    {
        'f' => "." + Text,
        'v' => $"[={Text}]",
        'k' => "[" + string.Join(",", ((JsonObject)JsonNode.Parse(Text)!).Select(key => $"{key.Key}={key.Value?.ToJsonString(Compact) ?? "null"}")) + "]",
        _ => $"[{Text}]",
    };

    public int CompareTo(PathElement other) => Kind != other.Kind ? Kind.CompareTo(other.Kind) : string.CompareOrdinal(Text, other.Text);

    private static JsonObject Sorted(JsonObject keys) =>
        new(keys.OrderBy(key => key.Key, StringComparer.Ordinal).Select(key => KeyValuePair.Create(key.Key, key.Value?.DeepClone())));
}
