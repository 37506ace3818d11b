namespace AiModels.LocalCluster.Node;

/// <summary>Removes folders of Pods and volumes. Materialized models are read-only, folders too, which keeps anybody but root from emptying them.</summary>
internal static class Folders
{
    private const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Removes a folder with everything in it. Nothing to remove is a success; links are removed, not followed.</summary>
    public static void Remove(string folder)
    {
        if (!Directory.Exists(folder)) return;
        MakeWritable(new DirectoryInfo(folder));
        Directory.Delete(folder, recursive: true);
    }

    private static void MakeWritable(DirectoryInfo folder)
    {
        if (folder.LinkTarget != null) return;
        if ((folder.UnixFileMode & Owner) != Owner) folder.UnixFileMode |= Owner;
        foreach (DirectoryInfo below in folder.EnumerateDirectories()) MakeWritable(below);
    }
}
