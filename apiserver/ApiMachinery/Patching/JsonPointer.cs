using System.Text.Json.Nodes;

namespace AiModels.ApiMachinery.Patching;

/// <summary>A JSON pointer (RFC 6901) as JSON patch uses it.</summary>
internal readonly record struct JsonPointer(string Text, IReadOnlyList<string> Steps)
{
    /// <exception cref="PatchException">Not a pointer.</exception>
    public static JsonPointer Parse(string text)
    {
        if (text.Length == 0)
        {
            return new JsonPointer(text, []);
        }

        if (text[0] != '/')
        {
            throw PatchException.Rejected($"json patch path \"{text}\" does not start with '/'");
        }

        string[] steps = text[1..].Split('/');
        for (int i = 0; i < steps.Length; i++)
        {
            steps[i] = steps[i].Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
        }

        return new JsonPointer(text, steps);
    }

    public bool IsRoot => Steps.Count == 0;

    public string Last => Steps[^1];

    /// <summary>Whether the place is inside (or equal to) another one.</summary>
    public bool IsInside(JsonPointer other) => Steps.Count >= other.Steps.Count && Steps.Take(other.Steps.Count).SequenceEqual(other.Steps);

    /// <summary>The object or list that holds the place.</summary>
    /// <exception cref="PatchException">There is none.</exception>
    public JsonNode FindParent(JsonNode root)
    {
        JsonNode? node = root;
        for (int i = 0; i < Steps.Count - 1; i++)
        {
            node = Child(node, Steps[i]);
        }

        return node is JsonObject or JsonArray ? node : throw Missing();
    }

    /// <summary>The value at the place; null for a JSON null.</summary>
    /// <exception cref="PatchException">There is none.</exception>
    public JsonNode? Find(JsonNode root)
    {
        JsonNode? node = root;
        foreach (string step in Steps)
        {
            node = Child(node, step);
        }

        return node;
    }

    /// <summary>Position in a list: digits without a leading zero, up to <paramref name="limit"/>.</summary>
    public int ParseIndex(string step, int limit)
    {
        bool isIndex = int.TryParse(step, System.Globalization.NumberStyles.None, null, out int index) && (step.Length == 1 || step[0] != '0');
        return isIndex && index <= limit ? index : throw Missing();
    }

    public PatchException Missing() => PatchException.Rejected($"json patch path \"{Text}\" does not exist");

    private JsonNode? Child(JsonNode? node, string step) => node switch
    {
        JsonObject obj => obj.TryGetPropertyValue(step, out JsonNode? value) ? value : throw Missing(),
        JsonArray list => list[ParseIndex(step, list.Count - 1)],
        _ => throw Missing(),
    };
}
