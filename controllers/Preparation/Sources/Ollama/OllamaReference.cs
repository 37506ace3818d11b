using System.Text.RegularExpressions;

namespace AiModels.Controllers.Preparation.Sources.Ollama;

/// <summary>What a URL of Ollama's library names: <c>https://ollama.com/library/NAME[:TAG]</c>. Rules of names: ollama's types/model/name.go.</summary>
internal sealed partial record OllamaReference(string Name, string Tag)
{
    private const string DefaultTag = "latest";

    /// <summary>As the registry calls it.</summary>
    public string Repository => "library/" + Name;

    public override string ToString() => $"{Name}:{Tag}";

    /// <summary>
    /// Null when the URL names no model; <paramref name="problem"/> then says why, in words. A slash at the end, a query and a fragment say nothing here.
    /// </summary>
    public static OllamaReference? Parse(string url, out string problem)
    {
        problem = "";
        var uri = new Uri(url);
        if (uri.Scheme == Uri.UriSchemeHttps && uri.IsDefaultPort && uri.UserInfo.Length == 0 && LibraryPath().Match(uri.AbsolutePath) is { Success: true } match)
        {
            return new OllamaReference(match.Groups["name"].Value, match.Groups["tag"] is { Success: true } tag ? tag.Value : DefaultTag);
        }

        problem = $"{url} is no model of Ollama's library: want https://ollama.com/library/NAME or https://ollama.com/library/NAME:TAG, "
            + "NAME and TAG of 1 to 80 letters, digits, '_', '-' and '.', the first of them a letter, a digit or '_'.";
        return null;
    }

    [GeneratedRegex(@"^/library/(?<name>[A-Za-z0-9_][A-Za-z0-9_.-]{0,79})(:(?<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}))?/?\z", RegexOptions.ExplicitCapture)]
    private static partial Regex LibraryPath();
}
