using System.Collections.Frozen;
using System.Globalization;
using System.Text.RegularExpressions;

namespace AiModels.ApiMachinery.Admission.Cel;

/// <summary>The functions that expressions may call: the language's own, and those of Kubernetes' string and list libraries that work on documents.</summary>
internal static class CelFunctions
{
    private static readonly FrozenSet<(string Name, int Arguments)> Globals =
        new[] { ("size", 1), ("int", 1), ("double", 1), ("string", 1), ("bool", 1), ("dyn", 1), ("type", 1) }.ToFrozenSet();

    private static readonly FrozenSet<(string Name, int Arguments)> Methods = new[]
    {
        ("size", 0), ("contains", 1), ("startsWith", 1), ("endsWith", 1), ("matches", 1), ("lowerAscii", 0), ("upperAscii", 0), ("trim", 0),
        ("split", 1), ("join", 0), ("join", 1), ("replace", 2), ("substring", 1), ("substring", 2), ("indexOf", 1), ("lastIndexOf", 1), ("charAt", 1),
        ("min", 0), ("max", 0), ("sum", 0), ("isSorted", 0),
    }.ToFrozenSet();

    public static bool IsGlobal(string name, int arguments) => Globals.Contains((name, arguments));

    public static bool IsMethod(string name, int arguments) => Methods.Contains((name, arguments));

    public static object? Call(string name, object?[] arguments) => (name, arguments) switch
    {
        ("size", [string text]) => text.EnumerateRunes().LongCount(),
        ("size", [{ } value]) => CelValues.ItemsOf(value)?.LongCount() ?? throw CelValues.NoOverload(name),
        ("int" or "double" or "string" or "bool", [var value]) => Convert(name, value),
        ("dyn", [var value]) => value,
        ("type", [var value]) => TypeName(value),
        ("contains", [string text, string part]) => text.Contains(part, StringComparison.Ordinal),
        ("startsWith", [string text, string part]) => text.StartsWith(part, StringComparison.Ordinal),
        ("endsWith", [string text, string part]) => text.EndsWith(part, StringComparison.Ordinal),
        ("matches", [string text, string pattern]) => Matches(text, pattern),
        ("lowerAscii", [string text]) => string.Concat(text.Select(letter => char.IsAsciiLetterUpper(letter) ? (char)(letter | 0x20) : letter)),
        ("upperAscii", [string text]) => string.Concat(text.Select(letter => char.IsAsciiLetterLower(letter) ? (char)(letter & ~0x20) : letter)),
        ("trim", [string text]) => text.Trim(),
        ("split", [string text, string separator]) => Split(text, separator),
        ("join", [{ } list]) => Join(list, ""),
        ("join", [{ } list, string separator]) => Join(list, separator),
        ("replace", [string text, string old, string with]) => Replace(text, old, with),
        ("substring", [string text, long start]) => Substring(text, start, text.Length),
        ("substring", [string text, long start, long end]) => Substring(text, start, end),
        ("charAt", [string text, long at]) => at == text.Length ? "" : Substring(text, at, at + 1),
        ("indexOf", [string text, string part]) => (long)text.IndexOf(part, StringComparison.Ordinal),
        ("lastIndexOf", [string text, string part]) => (long)text.LastIndexOf(part, StringComparison.Ordinal),
        ("indexOf", [{ } list, var value]) => Positions(list, value).FirstOrDefault(-1L),
        ("lastIndexOf", [{ } list, var value]) => Positions(list, value).LastOrDefault(-1L),
        ("min", [{ } list]) => Items(list, name).Aggregate((a, b) => CelValues.Compare(a, b, name) <= 0 ? a : b),
        ("max", [{ } list]) => Items(list, name).Aggregate((a, b) => CelValues.Compare(a, b, name) >= 0 ? a : b),
        ("sum", [{ } list]) => (CelValues.ItemsOf(list) ?? throw CelValues.NoOverload(name)).Aggregate((object?)null, (a, b) => a is null ? b : CelValues.Calculate("+", a, b)) ?? 0L,
        ("isSorted", [{ } list]) => IsSorted([.. CelValues.ItemsOf(list) ?? throw CelValues.NoOverload(name)]),
        _ => throw CelValues.NoOverload(name),
    };

    private static object Convert(string type, object? value) => (type, value) switch
    {
        ("int", long whole) => whole,
        ("int", double real) when Math.Abs(real) < 9.2e18 => (long)real,
        ("int", string text) when long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long whole) => whole,
        ("double", double real) => real,
        ("double", long whole) => (double)whole,
        ("double", string text) when double.TryParse(text, CultureInfo.InvariantCulture, out double real) => real,
        ("string", string text) => text,
        ("string", bool truth) => truth ? "true" : "false",
        ("string", long or double) => System.Convert.ToString(value, CultureInfo.InvariantCulture)!,
        ("bool", bool truth) => truth,
        ("bool", "true" or "True" or "TRUE" or "t" or "1") => true,
        ("bool", "false" or "False" or "FALSE" or "f" or "0") => false,
        _ => throw new CelException($"type conversion error from '{TypeName(value)}' to '{type}'"),
    };

    private static string TypeName(object? value) => value switch
    {
        null => "null_type",
        bool => "bool",
        long => "int",
        double => "double",
        string => "string",
        System.Text.Json.Nodes.JsonArray or List<object?> => "list",
        _ => "map",
    };

    // As RE2: no backtracking, so that no pattern can take for ever.
    private static bool Matches(string text, string pattern)
    {
        try
        {
            return Regex.IsMatch(text, pattern, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
        }
        catch (Exception problem) when (problem is ArgumentException or NotSupportedException)
        {
            throw new CelException($"error parsing regexp: {problem.Message}");
        }
    }

    private static List<object?> Split(string text, string separator) =>
        separator.Length == 0 ? [.. text.EnumerateRunes().Select(rune => (object?)rune.ToString())] : [.. text.Split(separator).Select(part => (object?)part)];

    private static string Join(object list, string separator) => string.Join(separator,
        (CelValues.ItemsOf(list) ?? throw CelValues.NoOverload("join")).Select(item => item as string ?? throw CelValues.NoOverload("join")));

    private static string Replace(string text, string old, string with) => old.Length == 0 ? throw CelValues.NoOverload("replace") : text.Replace(old, with, StringComparison.Ordinal);

    private static string Substring(string text, long start, long end) =>
        start >= 0 && start <= end && end <= text.Length ? text[(int)start..(int)end] : throw new CelException($"index out of range: {(start < 0 || start > text.Length ? start : end)}");

    private static IEnumerable<long> Positions(object list, object? value) =>
        (CelValues.ItemsOf(list) ?? throw CelValues.NoOverload("indexOf")).Select((item, at) => (item, at)).Where(pair => CelValues.AreEqual(pair.item, value)).Select(pair => (long)pair.at);

    private static List<object?> Items(object list, string name) =>
        CelValues.ItemsOf(list)?.ToList() is { Count: > 0 } items ? items : throw new CelException($"{name} called on empty list");

    private static bool IsSorted(List<object?> items) =>
        items.Zip(items.Skip(1)).All(pair => CelValues.Compare(pair.First, pair.Second, "isSorted") <= 0);
}
