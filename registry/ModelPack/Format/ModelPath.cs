using System.Text;

namespace AiModels.ModelPack.Format;

/// <summary>
/// The rules for paths inside a model, in one place: whoever writes files by these paths (archives, hubs, manifests of others) checks them here.
/// A path is relative, with '/' between names; no name is empty, "." or ".."; no backslash, colon at the second place, or control character;
/// names have at most 255 bytes and paths at most 1024, as file systems want it.
/// </summary>
public static class ModelPath
{
    // NAME_MAX of Linux file systems.
    private const int MaxNameBytes = 255;

    // A quarter of PATH_MAX: the folder it is put into needs room as well.
    private const int MaxPathBytes = 1024;

    /// <summary>Null when the path may be used, else what is wrong with it.</summary>
    public static string? Problem(string path)
    {
        if (path.Length == 0)
        {
            return "is empty";
        }

        if (path[0] == '/' || (path.Length > 1 && path[1] == ':'))
        {
            return "is absolute; paths are relative to the model";
        }

        foreach (Rune rune in path.EnumerateRunes())
        {
            if (Rune.IsControl(rune) || rune.Value is 0x2028 or 0x2029)
            {
                return $"contains the control character U+{rune.Value:X4}";
            }

            if (rune == Rune.ReplacementChar)
            {
                return "contains text that is not valid Unicode";
            }

            if (rune.Value == '\\')
            {
                return "contains a backslash";
            }
        }

        return Encoding.UTF8.GetByteCount(path) > MaxPathBytes ? $"is longer than {MaxPathBytes} bytes" : NameProblem(path);
    }

    /// <summary>
    /// Null when these paths may stand in one model together, else what is wrong. Beside each path's own rules: none twice, none that differ
    /// in case alone (they would overwrite each other on a file system that folds case), none that is a file and a folder at once.
    /// </summary>
    public static string? SetProblem(IEnumerable<string> paths)
    {
        var files = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        var folders = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (string path in paths)
        {
            if (Problem(path) is { } problem)
            {
                return $"path '{Printable(path)}' {problem}";
            }

            if (!files.TryAdd(path, path))
            {
                return files[path] == path ? $"path '{path}' stands twice" : $"paths '{files[path]}' and '{path}' differ in case alone";
            }

            for (int slash = path.IndexOf('/'); slash >= 0; slash = path.IndexOf('/', slash + 1))
            {
                string folder = path[..slash];
                if (!folders.TryAdd(folder, folder) && folders[folder] != folder)
                {
                    return $"folders '{folders[folder]}' and '{folder}' differ in case alone";
                }
            }
        }

        return files.Keys.FirstOrDefault(folders.ContainsKey) is { } both ? $"path '{both}' is a file and a folder" : null;
    }

    private static string? NameProblem(string path)
    {
        foreach (string name in path.Split('/'))
        {
            if (name.Length == 0)
            {
                return "contains an empty name";
            }

            if (name is "." or "..")
            {
                return $"contains '{name}'";
            }

            if (Encoding.UTF8.GetByteCount(name) > MaxNameBytes)
            {
                return $"contains a name longer than {MaxNameBytes} bytes";
            }
        }

        return null;
    }

    private static string Printable(string path)
    {
        string text = path.Length > 200 ? path[..200] + "…" : path;
        return string.Concat(text.Select(c => char.IsControl(c) ? $"\\u{(int)c:x4}" : c.ToString()));
    }
}
