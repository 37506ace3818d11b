using System.Text;
using System.Text.Json.Nodes;

namespace AiModels.ApiMachinery.Selectors;

/// <summary>A condition on fields of an object: the query parameter fieldSelector. Immutable (contract L12, L13).</summary>
public sealed class FieldSelector
{
    private const string NameField = "metadata.name", NamespaceField = "metadata.namespace";
    private static readonly string[] Operators = ["!=", "==", "="];
    private readonly string[][] _paths;

    /// <summary>Selects every object.</summary>
    public static FieldSelector Everything { get; } = new([]);

    private FieldSelector(IReadOnlyList<SelectorRequirement> requirements)
    {
        Requirements = requirements;
        _paths = [.. requirements.Select(requirement => requirement.Key.Split('.'))];
    }

    /// <summary>All of them must hold. Operators are In and NotIn with one value.</summary>
    public IReadOnlyList<SelectorRequirement> Requirements { get; }

    public bool IsEverything => Requirements.Count == 0;

    /// <summary>The one name that <c>metadata.name=x</c> asks for, or null. Such a request is authorized with that name (contract A20).</summary>
    public string? Name => ValueOf(NameField);

    /// <summary>The one namespace that <c>metadata.namespace=x</c> asks for, or null.</summary>
    public string? Namespace => ValueOf(NamespaceField);

    /// <summary>Reads <c>f=v,g==w,h!=x</c> with the escapes \\ \, \= in values. Null and empty select everything.</summary>
    /// <exception cref="SelectorFormatException">With upstream's words.</exception>
    public static FieldSelector Parse(string? text)
    {
        if (string.IsNullOrEmpty(text))
        {
            return Everything;
        }

        var requirements = new List<SelectorRequirement>();
        foreach (string term in SplitTerms(text).Order(StringComparer.Ordinal))
        {
            if (term.Length > 0)
            {
                requirements.Add(ParseTerm(term, text));
            }
        }

        return new FieldSelector(requirements);
    }

    /// <summary>Checks that only fields the kind can be selected by are used.</summary>
    /// <param name="isNamespaced">Whether metadata.namespace is a field of it.</param>
    /// <param name="selectable">Further fields, as JSON paths.</param>
    /// <exception cref="SelectorFormatException">field label not supported: ….</exception>
    public void Check(bool isNamespaced, IReadOnlyList<string> selectable)
    {
        foreach (SelectorRequirement requirement in Requirements)
        {
            bool isKnown = requirement.Key == NameField || (isNamespaced && requirement.Key == NamespaceField) || selectable.Contains(requirement.Key);
            if (!isKnown)
            {
                throw new SelectorFormatException("field label not supported: " + requirement.Key);
            }
        }
    }

    /// <summary>Whether an object is selected. A field that is absent has the value "".</summary>
    public bool Matches(JsonObject obj)
    {
        for (int i = 0; i < _paths.Length; i++)
        {
            JsonNode? node = obj;
            foreach (string step in _paths[i])
            {
                node = (node as JsonObject)?[step];
            }

            if (!Requirements[i].IsMetBy((node as JsonValue)?.ToString() ?? ""))
            {
                return false;
            }
        }

        return true;
    }

    private string? ValueOf(string field) =>
        Requirements.FirstOrDefault(requirement => requirement.Key == field && requirement.Operator == SelectorOperator.In)?.Values[0];

    private static SelectorRequirement ParseTerm(string term, string selector)
    {
        for (int i = 0; i < term.Length; i++)
        {
            foreach (string op in Operators)
            {
                if (term.AsSpan(i).StartsWith(op, StringComparison.Ordinal))
                {
                    string value = Unescape(term[(i + op.Length)..]);
                    return new SelectorRequirement(term[..i], op == "!=" ? SelectorOperator.NotIn : SelectorOperator.In, [value]);
                }
            }
        }

        throw new SelectorFormatException($"invalid selector: '{selector}'; can't understand '{term}'");
    }

    private static List<string> SplitTerms(string text)
    {
        var terms = new List<string>();
        int start = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '\\')
            {
                i++;
            }
            else if (text[i] == ',')
            {
                terms.Add(text[start..i]);
                start = i + 1;
            }
        }

        terms.Add(text[start..]);
        return terms;
    }

    private static string Unescape(string value)
    {
        if (value.AsSpan().IndexOfAny('\\', ',', '=') < 0)
        {
            return value;
        }

        var plain = new StringBuilder(value.Length);
        for (int i = 0; i < value.Length; i++)
        {
            char c = value[i];
            if (c is ',' or '=')
            {
                // Go prints the rune's number.
                throw new SelectorFormatException($"invalid field selector: unescaped character in value: {(int)c}");
            }

            if (c == '\\')
            {
                i++;
                if (i == value.Length || value[i] is not ('\\' or ',' or '='))
                {
                    throw new SelectorFormatException($"invalid field selector: invalid escape sequence: {value[(i - 1)..Math.Min(i + 1, value.Length)]}");
                }

                c = value[i];
            }

            plain.Append(c);
        }

        return plain.ToString();
    }
}
