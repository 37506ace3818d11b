using System.Runtime.InteropServices;

namespace AiModels.LocalCluster.Node;

/// <summary>
/// Shows a folder or file at another path: a bind mount for root, a symbolic link otherwise (then read-only cannot be kept, and the log says so once).
/// </summary>
internal sealed partial class Mounts(ILogger<Mounts> logger)
{
    // <sys/mount.h>
    private const ulong ReadOnly = 1, Remount = 32, Bind = 4096, Private = 1 << 18;
    private const int Detach = 2, NoFollow = 8;

    private int _warned;

    /// <summary>Whether bind mounts can be made.</summary>
    public static bool IsReal { get; } = Environment.IsPrivilegedProcess;

    /// <summary>Publishes <paramref name="source"/>, which exists, at <paramref name="target"/>, which is made.</summary>
    public void Publish(string source, string target, bool isReadOnly)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        if (!IsReal)
        {
            Link(source, target);
            return;
        }

        if (Directory.Exists(source)) Directory.CreateDirectory(target);
        else if (!File.Exists(target)) File.Create(target).Dispose();
        Check(Mount(source, target, null, Bind, 0), $"mount --bind {source} {target}");
        // What is mounted below later must not appear in the source, and the other way round.
        Check(Mount(null, target, null, Private, 0), $"mount --make-private {target}");
        if (isReadOnly) Check(Mount(null, target, null, Bind | Remount | ReadOnly, 0), $"mount -o remount,bind,ro {target}");
    }

    /// <summary>Takes everything off that is mounted at or below a folder.</summary>
    public static void Unpublish(string root)
    {
        if (!IsReal) return;
        foreach (string target in MountsBelow(root)) Check(Unmount(target, Detach | NoFollow), $"umount {target}");
    }

    /// <summary>Mount points at or below a folder, the innermost first.</summary>
    private static IReadOnlyList<string> MountsBelow(string root)
    {
        // proc(5), mountinfo: the fifth field is the mount point; space, tab, newline and backslash are octal escapes.
        string prefix = root.TrimEnd('/');
        return
        [
            .. File.ReadLines("/proc/self/mountinfo").Select(l => Unescape(l.Split(' ')[4]))
                .Where(p => p == prefix || p.StartsWith(prefix + "/", StringComparison.Ordinal)).Reverse(),
        ];
    }

    private void Link(string source, string target)
    {
        if (Interlocked.Exchange(ref _warned, 1) == 0)
            logger.LogWarning("Not root: volumes are shown by symbolic links, which cannot be read-only. Run as root for bind mounts.");
        if (Directory.Exists(target) && !new FileInfo(target).Attributes.HasFlag(FileAttributes.ReparsePoint)) Directory.Delete(target, recursive: false);
        File.Delete(target);
        File.CreateSymbolicLink(target, source);
    }

    private static string Unescape(string path) =>
        path.Replace("\\040", " ", StringComparison.Ordinal).Replace("\\011", "\t", StringComparison.Ordinal).Replace("\\012", "\n", StringComparison.Ordinal).Replace("\\134", "\\", StringComparison.Ordinal);

    private static void Check(int result, string what)
    {
        if (result == 0) return;
        int error = Marshal.GetLastPInvokeError();
        throw new IOException($"{what}: {Marshal.GetPInvokeErrorMessage(error)} (errno {error})");
    }

    [LibraryImport("libc", EntryPoint = "mount", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Mount(string? source, string target, string? type, ulong flags, IntPtr data);

    [LibraryImport("libc", EntryPoint = "umount2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Unmount(string target, int flags);
}
