using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace AiModels.ApiMachinery.Http;

/// <summary>Warning headers, as kubectl prints them (contract E11). However many there are to give, an answer's headers stay small enough for any client to take.</summary>
public static class WarningHeaders
{
    // Upstream's bounds, in characters (k8s.io/apiserver/pkg/endpoints/filters/warning.go). Go's HTTP client refuses an answer with more than 1 MiB of headers.
    private const int Total = 4096;
    private const int Each = 256;

    /// <summary>Adds sentences, each once in an answer. Must be called before the answer has started.</summary>
    public static void Add(HttpContext context, IEnumerable<string> sentences)
    {
        if (context.Items[typeof(WarningHeaders)] is not Said said)
        {
            context.Items[typeof(WarningHeaders)] = said = new Said();
        }

        foreach (string sentence in sentences)
        {
            if (sentence.Length > 0 && said.Known.Add(sentence))
            {
                said.InOrder.Add(sentence);
            }
        }

        if (said.InOrder.Count > 0)
        {
            context.Response.Headers.Warning = Write(said.InOrder);
        }
    }

    // Too much altogether: what is long is cut, and what comes after the bound is left out.
    private static StringValues Write(List<string> sentences)
    {
        bool isTooMuch = sentences.Sum(Length) > Total;
        List<string> headers = [];
        int written = 0;
        foreach (string sentence in sentences.TakeWhile(_ => !isTooMuch || written < Total))
        {
            string text = isTooMuch ? string.Concat(sentence.EnumerateRunes().Take(Each)) : sentence;
            written += Length(text);
            headers.Add($"299 - \"{Escape(text)}\"");
        }

        return new StringValues([.. headers]);
    }

    private static int Length(string text) => text.EnumerateRunes().Count();

    // Quotes and backslashes are escaped, control characters cannot be in a header, and half a surrogate pair is no character in any encoding.
    private static string Escape(string text) => string.Concat(text.EnumerateRunes().Select(rune =>
        rune.Value is '"' or '\\' ? "\\" + rune : Rune.IsControl(rune) ? " " : rune.ToString()));

    private sealed class Said
    {
        public HashSet<string> Known { get; } = new(StringComparer.Ordinal);
        public List<string> InOrder { get; } = [];
    }
}
