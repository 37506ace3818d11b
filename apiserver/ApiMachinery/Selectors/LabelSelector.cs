using System.Text.Json.Nodes;

namespace AiModels.ApiMachinery.Selectors;

/// <summary>A condition on an object's labels: the query parameter labelSelector, or metav1.LabelSelector. Immutable (contract L11, L13).</summary>
public sealed class LabelSelector
{
    /// <summary>Selects every object.</summary>
    public static LabelSelector Everything { get; } = new([]);

    private LabelSelector(IReadOnlyList<SelectorRequirement> requirements) => Requirements = requirements;

    /// <summary>All of them must hold; sorted by key.</summary>
    public IReadOnlyList<SelectorRequirement> Requirements { get; }

    public bool IsEverything => Requirements.Count == 0;

    /// <summary>Reads <c>a=b,c!=d,e in (f,g),!h,i>5</c>. Null and blank select everything.</summary>
    /// <exception cref="SelectorFormatException">With upstream's words.</exception>
    public static LabelSelector Parse(string? text) =>
        string.IsNullOrEmpty(text) ? Everything : FromRequirements(new LabelSelectorParser(text).Parse());

    /// <summary>Reads a metav1.LabelSelector (matchLabels, matchExpressions). An empty one selects everything.</summary>
    /// <exception cref="SelectorFormatException">An operator that does not exist.</exception>
    public static LabelSelector FromDocument(JsonObject selector)
    {
        var requirements = new List<SelectorRequirement>();
        foreach ((string key, JsonNode? value) in selector["matchLabels"] as JsonObject ?? [])
        {
            requirements.Add(new SelectorRequirement(key, SelectorOperator.In, [value?.ToString() ?? ""]));
        }

        foreach (JsonNode? expression in selector["matchExpressions"] as JsonArray ?? [])
        {
            string name = expression?["operator"]?.ToString() ?? "";
            if (!Enum.TryParse(name, out SelectorOperator op) || op is SelectorOperator.GreaterThan or SelectorOperator.LessThan)
            {
                throw new SelectorFormatException($"\"{name}\" is not a valid label selector operator");
            }

            string[] values = [.. (expression?["values"] as JsonArray ?? []).Select(value => value?.ToString() ?? "")];
            requirements.Add(new SelectorRequirement(expression?["key"]?.ToString() ?? "", op, values));
        }

        return FromRequirements(requirements);
    }

    /// <summary>Whether an object (with its metadata) is selected.</summary>
    public bool Matches(JsonObject obj)
    {
        if (Requirements.Count == 0)
        {
            return true;
        }

        var labels = (obj["metadata"] as JsonObject)?["labels"] as JsonObject;
        foreach (SelectorRequirement requirement in Requirements)
        {
            if (!requirement.IsMetBy((labels?[requirement.Key] as JsonValue)?.ToString()))
            {
                return false;
            }
        }

        return true;
    }

    private static LabelSelector FromRequirements(IEnumerable<SelectorRequirement> requirements) =>
        new([.. requirements.OrderBy(requirement => requirement.Key, StringComparer.Ordinal)]);
}
