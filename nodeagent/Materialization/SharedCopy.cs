using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AiModels.NodeAgent.Materialization;

/// <summary>
/// A second file of the same bytes that takes no room of its own: a reflink where the file system has them (xfs, btrfs), so that the two are files of their own that share
/// blocks; else a hard link, a second name of one file.
/// </summary>
internal static partial class SharedCopy
{
    /// <summary>False when the file is not there with this length, or the file system has neither (or no more links for this file).</summary>
    public static bool TryCreate(string existing, string path, long length)
    {
        if (new FileInfo(existing) is not { Exists: true } info || info.Length != length)
        {
            return false;
        }

        File.Delete(path);
        return TryReflink(existing, path) || Link(existing, path) == 0;
    }

    private static bool TryReflink(string existing, string path)
    {
        const nuint Clone = 0x40049409; // FICLONE of <linux/fs.h>, on x86-64 and arm64
        using (SafeFileHandle source = File.OpenHandle(existing))
        using (SafeFileHandle target = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write))
        {
            if (Ioctl(target, Clone, source) == 0)
            {
                RandomAccess.FlushToDisk(target);
                return true;
            }
        }

        File.Delete(path); // not supported here: an empty file must not be in the way of the link
        return false;
    }

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Ioctl(SafeFileHandle target, nuint request, SafeFileHandle source);

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string existing, string path);
}
