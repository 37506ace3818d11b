using System.Text.Json;
using System.Text.Json.Nodes;

namespace AiModels.Controllers.Delivery.NodeCache.Storage;

/// <summary>The option's text as a LabelSelector: <c>KEY=VALUE,KEY=VALUE</c>, or the selector itself as JSON. Pure.</summary>
internal static class BlockDeviceSelector
{
    /// <summary>Null when it is neither, or selects everything.</summary>
    public static JsonObject? Parse(string text) => text.StartsWith('{') ? OfJson(text) : OfLabels(text);

    private static JsonObject? OfJson(string text)
    {
        try
        {
            return JsonNode.Parse(text) is JsonObject selector && selector.Count > 0 && selector.All(part => IsPart(part.Key, part.Value)) ? selector : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static bool IsPart(string name, JsonNode? value) => (name, value) switch
    {
        ("matchLabels", JsonObject { Count: > 0 } labels) => labels.All(label => label.Value is JsonValue text && text.TryGetValue<string>(out _)),
        ("matchExpressions", JsonArray { Count: > 0 } expressions) => expressions.All(expression => expression is JsonObject { } rule && rule["key"] is JsonValue && rule["operator"] is JsonValue),
        _ => false,
    };

    private static JsonObject? OfLabels(string text)
    {
        var labels = new JsonObject();
        foreach (string pair in text.Split(',', StringSplitOptions.TrimEntries))
        {
            if (pair.Split('=') is not [{ Length: > 0 } key, { Length: > 0 } value])
            {
                return null;
            }

            labels[key] = value;
        }

        return new JsonObject { ["matchLabels"] = labels };
    }
}
