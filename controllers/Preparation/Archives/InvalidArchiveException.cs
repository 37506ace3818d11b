namespace AiModels.Controllers.Preparation.Archives;

/// <summary>An archive cannot be unpacked. The message is for the user: it names the entry, what is wrong with it and what would be right.</summary>
internal sealed class InvalidArchiveException(string archive, string? entry, string problem)
    : Exception(entry is null ? $"{archive}: {problem}" : $"{archive}: entry '{Shown(entry)}' {problem}")
{
    private static string Shown(string entry)
    {
        string text = entry.Length <= 200 ? entry : string.Concat(entry.AsSpan(0, 200), "…");
        return string.Concat(text.Select(c => char.IsControl(c) ? $"\\u{(int)c:x4}" : c.ToString()));
    }
}
