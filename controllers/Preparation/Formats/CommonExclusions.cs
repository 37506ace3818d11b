namespace AiModels.Controllers.Preparation.Formats;

/// <summary>What is left out of every model whatever its format (requirement Q1), and why.</summary>
internal static class CommonExclusions
{
    private static readonly string[] Programs = [".so", ".dll", ".dylib", ".exe", ".msi", ".com", ".bat", ".cmd", ".ps1"];
    private static readonly string[] Archives = [".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".tzst", ".7z", ".rar", ".whl", ".jar"];

    /// <summary>The reason in words, or null when the file may stay.</summary>
    public static string? ReasonFor(SourceFile file)
    {
        string name = file.Name.ToLowerInvariant();
        if (Programs.Any(name.EndsWith) || name.Contains(".so.", StringComparison.Ordinal))
        {
            return "programs and shared libraries are not part of a model";
        }

        if (Archives.Any(name.EndsWith))
        {
            return "archives inside a model are not unpacked";
        }

        return IsBookkeeping(file.Path, name) ? "it belongs to a tool and not to the model" : null;
    }

    /// <summary>Files of version control and of operating systems' own archivers.</summary>
    public static bool IsBookkeeping(string path, string name) =>
        name is ".ds_store" or "thumbs.db" or "desktop.ini"
        || name.StartsWith("._", StringComparison.Ordinal)
        || path.Split('/').Any(part => part is "__MACOSX" or ".cache" || part.StartsWith(".git", StringComparison.Ordinal));
}
