using System.Collections.Concurrent;
using System.Text;
using System.Text.RegularExpressions;

namespace AiModels.ApiMachinery.Schemas;

/// <summary>Compiled patterns of schemas. Non-backtracking: matching is linear in the input, whatever a client sends.</summary>
internal static class PatternCache
{
    private static readonly ConcurrentDictionary<string, Regex> Compiled = new(StringComparer.Ordinal);

    public static bool IsMatch(string pattern, string value) => Compiled.GetOrAdd(pattern, Compile).IsMatch(value);

    private static Regex Compile(string pattern) => new(EndAnchored(pattern), RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);

    /// <summary>In Go, where the patterns come from, <c>$</c> is the end of the text; in .NET it also matches before a last line break. <c>\z</c> does not.</summary>
    private static string EndAnchored(string pattern)
    {
        var text = new StringBuilder(pattern.Length + 2);
        bool isInClass = false;
        for (int i = 0; i < pattern.Length; i++)
        {
            char c = pattern[i];
            if (c == '\\' && i + 1 < pattern.Length)
            {
                text.Append(c).Append(pattern[++i]);
                continue;
            }

            isInClass = isInClass ? c != ']' : c == '[';
            text.Append(c == '$' && !isInClass ? @"\z" : c);
        }

        return text.ToString();
    }
}
