using AiModels.Controllers.Preparation.Formats;

namespace AiModels.Controllers.Preparation.Archives;

/// <summary>Where the model's root is inside an archive: one top-level folder that holds everything counts as the root (requirement P4).</summary>
internal static class ArchiveRoot
{
    /// <summary>"" or the folder with its slash. What archivers of desktop systems add beside it does not count.</summary>
    public static string Of(IEnumerable<SourceFile> files)
    {
        string? root = null;
        foreach (SourceFile file in files.Where(file => !CommonExclusions.IsBookkeeping(file.Path, file.Name.ToLowerInvariant())))
        {
            int slash = file.Path.IndexOf('/', StringComparison.Ordinal);
            string first = file.Path[..(slash + 1)];
            if (slash < 0 || (root is not null && root != first))
            {
                return "";
            }

            root = first;
        }

        return root ?? "";
    }
}
