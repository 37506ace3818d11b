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

    /// <summary>The object or list that holds the place.</summary>
    /// <exception cref="PatchException">There is none; the whole document has none.</exception>
    public JsonNode FindParent(JsonNode? root)
    {
        JsonNode? node = IsRoot ? throw Missing() : root;
        for (int i = 0; i < Steps.Count - 1; i++)
        {
            node = Child(node, Steps[i]);
        }

        return node is JsonObject or JsonArray ? node : throw Missing();
    }

    /// <summary>The value at the place; null for a JSON null and for a member that its object does not have.</summary>
    /// <exception cref="PatchException">Nothing could be there.</exception>
    public JsonNode? Find(JsonNode? root) => Child(FindParent(root), Last);

    /// <summary>Position in a list of so many places; a negative one counts from the end.</summary>
    /// <exception cref="PatchException">No such place.</exception>
    public int IndexOf(string step, int places)
    {
        bool isIndex = int.TryParse(step, System.Globalization.NumberStyles.AllowLeadingSign, System.Globalization.CultureInfo.InvariantCulture, out int index);
        int position = index < 0 ? index + places : index;
        return isIndex && position >= 0 && position < places ? position : throw Missing();
    }

    public PatchException Missing() => PatchException.Rejected($"json patch path \"{Text}\" does not exist");

    private JsonNode? Child(JsonNode? node, string step) => node switch
    {
        JsonObject obj => obj[step],
        JsonArray list => list[IndexOf(step, list.Count)],
        _ => throw Missing(),
    };
}
