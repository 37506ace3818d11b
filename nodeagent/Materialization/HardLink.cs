using System.Runtime.InteropServices;

namespace AiModels.NodeAgent.Materialization;

/// <summary>link(2): a second name for a file. Both names are read-only, and the bytes go with the last name.</summary>
internal static partial class HardLink
{
    /// <summary>False when the file is not there with this length, or the file system has no hard links (or no more for this file).</summary>
    public static bool TryCreate(string existing, string path, long length)
    {
        if (new FileInfo(existing) is not { Exists: true } info || info.Length != length)
        {
            return false;
        }

        File.Delete(path);
        return Link(existing, path) == 0;
    }

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string existing, string path);
}
