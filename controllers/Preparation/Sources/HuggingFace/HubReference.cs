using System.Text.RegularExpressions;

namespace AiModels.Controllers.Preparation.Sources.HuggingFace;

/// <summary>
/// What a Hugging Face URL names: a repository, perhaps a revision, perhaps a file. The path after <c>/tree/</c> and its like is kept whole, because a branch
/// may have slashes: only the hub can tell where the revision ends.
/// </summary>
/// <param name="Repository">owner/name, or name alone.</param>
/// <param name="Revision">From <c>?revision=</c>: exact.</param>
/// <param name="Path">What follows <c>/tree/</c>, <c>/blob/</c> or <c>/resolve/</c>: a revision, perhaps with a path behind it.</param>
/// <param name="File">From <c>?file=</c>.</param>
/// <param name="NamesFile">Whether it was <c>/blob/</c> or its like, which stand before a file.</param>
internal sealed partial record HubReference(string Repository, string? Revision, string? Path, string? File, bool NamesFile = false)
{
    public const string DefaultRevision = "main";

    /// <summary>Null when the URL names no model; <paramref name="problem"/> then says why, in words.</summary>
    public static HubReference? Parse(string url, out string problem)
    {
        problem = "";
        var uri = new Uri(url);
        string[] segments = [.. uri.AbsolutePath.Split('/', StringSplitOptions.RemoveEmptyEntries).Select(Uri.UnescapeDataString)];
        if (segments is ["datasets" or "spaces" or "collections" or "docs" or "papers", ..])
        {
            problem = $"{url} is no model: {segments[0]} are something else. Use the URL of a model's page.";
            return null;
        }

        // Behind the name only: a repository may itself be called tree or raw.
        int marker = Array.FindIndex(segments, 1 < segments.Length ? 1 : segments.Length, segment => segment is "tree" or "blob" or "resolve" or "raw");
        string repository = string.Join('/', marker < 0 ? segments : segments[..marker]);
        if (!IsRepository(repository))
        {
            problem = $"'{repository}' in {url} is no name of a model: want OWNER/NAME.";
            return null;
        }

        Dictionary<string, string> query = Query(uri);
        string? path = marker >= 0 && marker + 1 < segments.Length ? string.Join('/', segments[(marker + 1)..]) : null;
        return new HubReference(repository, query.GetValueOrDefault("revision"), path, query.GetValueOrDefault("file")?.TrimStart('/'), marker >= 0 && segments[marker] != "tree");
    }

    /// <summary>huggingface_hub's own rule.</summary>
    public static bool IsRepository(string name) =>
        RepositoryPattern().IsMatch(name) && !name.Contains("--", StringComparison.Ordinal) && !name.Contains("..", StringComparison.Ordinal) && !name.EndsWith(".git", StringComparison.Ordinal);

    /// <summary>Which revisions the URL may mean, the likeliest first, each with the path that would be left.</summary>
    public IEnumerable<(string Revision, string? InnerPath)> Candidates()
    {
        if (Revision is not null || Path is null)
        {
            // With both, ?revision= is what the user added last.
            yield return (Revision ?? DefaultRevision, null);
            yield break;
        }

        string[] parts = Path.Split('/');

        // refs/pr/N is one revision by convention; anything else is tried from the shortest on.
        int first = parts is ["refs", "pr", _, ..] ? 3 : 1;
        for (int length = first; length <= parts.Length; length++)
        {
            yield return (string.Join('/', parts[..length]), length < parts.Length ? string.Join('/', parts[length..]) : null);
        }
    }

    private static Dictionary<string, string> Query(Uri uri) => uri.Query.TrimStart('?')
        .Split('&', StringSplitOptions.RemoveEmptyEntries)
        .Select(pair => pair.Split('=', 2))
        .Where(pair => pair.Length == 2 && pair[1].Length > 0)
        .GroupBy(pair => pair[0])
        .ToDictionary(group => group.Key, group => Uri.UnescapeDataString(group.First()[1]));

    [GeneratedRegex(@"^([\w\-.]{1,96}/)?[\w\-.]{1,96}\z", RegexOptions.ECMAScript)]
    private static partial Regex RepositoryPattern();
}
