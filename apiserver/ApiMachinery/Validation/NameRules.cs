using System.Text;

namespace AiModels.ApiMachinery.Validation;

/// <summary>
/// Kubernetes' rules for names and keys. Each returns what is wrong with the text, in upstream's words; empty when nothing is
/// (k8s.io/apimachinery/pkg/util/validation). They run on every write, so they are loops and not regular expressions.
/// </summary>
public static class NameRules
{
    private const string LabelFormat = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
    private const string SubdomainFormat = LabelFormat + @"(\." + LabelFormat + ")*";
    private const string QualifiedFormat = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";

    private const string LabelMessage =
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character"
        + " (e.g. 'my-name',  or '123-abc', regex used for validation is '" + LabelFormat + "')";

    private const string SubdomainMessage =
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"
        + " (e.g. 'example.com', regex used for validation is '" + SubdomainFormat + "')";

    private const string QualifiedMessage =
        "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
        + " (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '" + QualifiedFormat + "')";

    private const string LabelValueMessage =
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
        + " (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(" + QualifiedFormat + ")?')";

    /// <summary>RFC 1123 subdomain of at most 253 characters: names of most objects (contract B1).</summary>
    public static IReadOnlyList<string> Dns1123Subdomain(string value) => Subdomain(value, "characters");

    private static IReadOnlyList<string> Subdomain(string value, string unit)
    {
        bool isValid = value.Length > 0;
        foreach (Range part in value.AsSpan().Split('.'))
        {
            isValid &= IsDnsLabel(value.AsSpan(part));
        }

        return Problems(value, 253, isValid ? null : SubdomainMessage, unit);
    }

    /// <summary>RFC 1123 label of at most 63 characters: namespaces.</summary>
    public static IReadOnlyList<string> Dns1123Label(string value) => Problems(value, 63, IsDnsLabel(value) ? null : LabelMessage, "characters");

    /// <summary>Name of a path segment: what RBAC roles are named by ("system:node").</summary>
    public static IReadOnlyList<string> PathSegment(string value)
    {
        if (value is "." or "..")
        {
            return [$"may not be '{value}'"];
        }

        var problems = new List<string>();
        foreach (char c in "/%")
        {
            if (value.Contains(c))
            {
                problems.Add($"may not contain '{c}'");
            }
        }

        return problems;
    }

    /// <summary>Keys of labels and annotations, types of conditions, finalizers: [PREFIX/]NAME.</summary>
    public static IReadOnlyList<string> QualifiedName(string value)
    {
        int slash = value.IndexOf('/');
        if (slash >= 0 && value.IndexOf('/', slash + 1) >= 0)
        {
            return ["a valid label key " + QualifiedMessage + " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"];
        }

        string name = slash < 0 ? value : value[(slash + 1)..];
        IReadOnlyList<string> prefixProblems = slash < 0 ? [] : slash == 0 ? ["must be non-empty"] : Subdomain(value[..slash], "bytes");
        IReadOnlyList<string> nameProblems = Problems(name, 63, IsQualified(name) ? null : QualifiedMessage);
        if (name.Length == 0)
        {
            nameProblems = ["must be non-empty", QualifiedMessage];
        }

        return prefixProblems.Count + nameProblems.Count == 0
            ? []
            : [.. prefixProblems.Select(problem => "prefix part " + problem), .. nameProblems.Select(problem => "name part " + problem)];
    }

    /// <summary>Values of labels: empty, or at most 63 bytes.</summary>
    public static IReadOnlyList<string> LabelValue(string value) =>
        Problems(value, 63, value.Length == 0 || IsQualified(value) ? null : LabelValueMessage);

    private static IReadOnlyList<string> Problems(string value, int maximum, string? formatProblem, string unit = "bytes")
    {
        // Bytes, not characters; a valid text is ASCII, so counting is only needed for long ones.
        bool isTooLong = value.Length > maximum || (value.Length * 3 > maximum && Encoding.UTF8.GetByteCount(value) > maximum);
        return isTooLong
            ? formatProblem is null ? [$"must be no more than {maximum} {unit}"] : [$"must be no more than {maximum} {unit}", formatProblem]
            : formatProblem is null ? [] : [formatProblem];
    }

    private static bool IsDnsLabel(ReadOnlySpan<char> label) =>
        label.Length > 0 && label[0] != '-' && label[^1] != '-' && label.IndexOfAnyExcept(DnsLabelCharacters) < 0;

    private static bool IsQualified(ReadOnlySpan<char> name) =>
        name.Length > 0 && char.IsAsciiLetterOrDigit(name[0]) && char.IsAsciiLetterOrDigit(name[^1]) && name.IndexOfAnyExcept(QualifiedCharacters) < 0;

    private static readonly System.Buffers.SearchValues<char> DnsLabelCharacters =
        System.Buffers.SearchValues.Create("-0123456789abcdefghijklmnopqrstuvwxyz");

    private static readonly System.Buffers.SearchValues<char> QualifiedCharacters =
        System.Buffers.SearchValues.Create("-_.0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
}
