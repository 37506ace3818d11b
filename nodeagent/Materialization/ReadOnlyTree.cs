using System.Runtime.InteropServices;

namespace AiModels.NodeAgent.Materialization;

/// <summary>Folders of finished models: sealing them read-only, making them durable, removing them again.</summary>
internal static partial class ReadOnlyTree
{
    private const UnixFileMode FileMode = UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead; // 0444
    private const UnixFileMode FolderMode =
        FileMode | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute; // 0555

    private const UnixFileMode WritableFolderMode = FolderMode | UnixFileMode.UserWrite; // 0755

    /// <summary>Sets the modes 0444 and 0555, and waits until names and modes are on the disk. File contents must be flushed already.</summary>
    public static void Seal(string root)
    {
        foreach (string file in Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories))
        {
            File.SetUnixFileMode(file, FileMode);
        }

        foreach (string folder in Directory.EnumerateDirectories(root, "*", SearchOption.AllDirectories).Append(root))
        {
            File.SetUnixFileMode(folder, FolderMode);
            FlushFolder(folder);
        }
    }

    /// <summary>Removes a sealed tree. Nothing there is a success.</summary>
    public static void Remove(string root)
    {
        if (!Directory.Exists(root))
        {
            return;
        }

        File.SetUnixFileMode(root, WritableFolderMode);
        foreach (string folder in Directory.EnumerateDirectories(root))
        {
            if (new DirectoryInfo(folder).LinkTarget is null)
            {
                Remove(folder);
            }
        }

        Directory.Delete(root, recursive: true);
    }

    /// <summary>fsync of a folder: a rename or creation in it survives a power failure after this.</summary>
    public static void FlushFolder(string path)
    {
        const int ReadOnlyFolder = 0x80000; // O_RDONLY | O_CLOEXEC
        int descriptor = Open(path, ReadOnlyFolder);
        if (descriptor < 0)
        {
            throw new IOException($"open {path}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
        }

        try
        {
            const int NotSupported = 22; // EINVAL: file systems that cannot flush a folder do it by themselves
            if (Fsync(descriptor) != 0 && Marshal.GetLastPInvokeError() != NotSupported)
            {
                throw new IOException($"fsync {path}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
            }
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Fsync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
