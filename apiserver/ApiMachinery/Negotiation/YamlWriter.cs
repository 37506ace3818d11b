using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Schemas;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace AiModels.ApiMachinery.Negotiation;

/// <summary>JSON documents as YAML.</summary>
internal static class YamlWriter
{
    public static byte[] Write(JsonNode document)
    {
        using var text = new StringWriter(new StringBuilder(4096)) { NewLine = "\n" };
        var emitter = new Emitter(text, EmitterSettings.Default.WithMaxSimpleKeyLength(1024));
        emitter.Emit(new StreamStart());
        emitter.Emit(new DocumentStart(null, null, isImplicit: true));
        Node(emitter, document);
        emitter.Emit(new DocumentEnd(isImplicit: true));
        emitter.Emit(new StreamEnd());
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    private static void Node(Emitter emitter, JsonNode? node)
    {
        switch (node)
        {
            case JsonObject obj:
                emitter.Emit(new MappingStart(null, null, true, obj.Count == 0 ? MappingStyle.Flow : MappingStyle.Block));
                foreach ((string name, JsonNode? value) in obj)
                {
                    Text(emitter, name);
                    Node(emitter, value);
                }

                emitter.Emit(new MappingEnd());
                break;
            case JsonArray list:
                emitter.Emit(new SequenceStart(null, null, true, list.Count == 0 ? SequenceStyle.Flow : SequenceStyle.Block));
                foreach (JsonNode? item in list)
                {
                    Node(emitter, item);
                }

                emitter.Emit(new SequenceEnd());
                break;
            case JsonValue value when value.GetValueKind() == JsonValueKind.String:
                Text(emitter, value.GetValue<string>());
                break;
            default:
                emitter.Emit(new Scalar(null, null, node?.ToJsonString() ?? "null", ScalarStyle.Plain, true, false));
                break;
        }
    }

    private static void Text(Emitter emitter, string text)
    {
        ScalarStyle style = NeedsQuotes(text) ? ScalarStyle.DoubleQuoted
            : text.Contains('\n', StringComparison.Ordinal) ? ScalarStyle.Literal
            : ScalarStyle.Any;
        emitter.Emit(new Scalar(null, null, text, style, true, true));
    }

    // Text that would be read as a number, a boolean, null or (by others) a date.
    private static bool NeedsQuotes(string text) =>
        text.Length == 0
        || YamlScalar.NotInJson(text) is not null
        || YamlScalar.ToJson(new Scalar(AnchorName.Empty, TagName.Empty, text, ScalarStyle.Plain, true, false)) is not JsonValue value || value.GetValueKind() != JsonValueKind.String
        || text == "="
        || (char.IsAsciiDigit(text[0]) && text.Length >= 8 && text[4] == '-');
}
