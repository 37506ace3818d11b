using System.Text;
using Microsoft.AspNetCore.Http;

namespace AiModels.ApiMachinery.Http;

/// <summary>Warning headers, as kubectl prints them (contract E11).</summary>
public static class WarningHeaders
{
    private const int Total = 4096;
    private const int Each = 256;

    /// <summary>Adds sentences, each once. Must be called before the answer has started.</summary>
    public static void Add(HttpContext context, IEnumerable<string> sentences)
    {
        string[] distinct = [.. sentences.Distinct(StringComparer.Ordinal)];
        bool isTooMuch = distinct.Sum(sentence => sentence.Length) > Total;
        foreach (string sentence in distinct)
        {
            string text = isTooMuch && sentence.Length > Each ? sentence[..Each] : sentence;
            context.Response.Headers.Append("Warning", $"299 - \"{Escape(text)}\"");
        }
    }

    // Quotes and backslashes are escaped, control characters cannot be in a header, and half a surrogate pair is no character in any encoding.
    private static string Escape(string text) => string.Concat(text.EnumerateRunes().Select(rune =>
        rune.Value is '"' or '\\' ? "\\" + rune : Rune.IsControl(rune) ? " " : rune.ToString()));
}
