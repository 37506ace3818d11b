using System.Runtime.InteropServices;
using AiModels.Hosting.Mounts;
using Microsoft.Win32.SafeHandles;

namespace AiModels.CsiDriver.Mounting;

/// <summary>
/// mount(2) and umount2(2). Needs CAP_SYS_ADMIN. A target is opened first, without following a symbolic link in its last place, and mounted on by that handle: who could swap it
/// for a link between a check and the call would choose where root mounts.
/// </summary>
internal sealed partial class LinuxMounter : IMounter
{
    // <sys/mount.h>
    private const ulong ReadOnly = 1;
    private const ulong NoSuid = 2;
    private const ulong NoDev = 4;
    private const ulong NoExec = 8;
    private const ulong Remount = 32;
    private const ulong Bind = 4096;
    private const int NoFollow = 8;

    // <fcntl.h> of Linux; O_DIRECTORY and O_NOFOLLOW differ on arm64.
    private const int PathOnly = 0x200000;
    private const int CloseOnExec = 0x80000;
    private static readonly bool IsArm = RuntimeInformation.ProcessArchitecture == Architecture.Arm64;
    private static readonly int FolderOnly = IsArm ? 0x4000 : 0x10000;
    private static readonly int NoLink = IsArm ? 0x8000 : 0x20000;

    public MountState? Find(string target, string expectedSource)
    {
        var table = MountTable.Read();
        if (RealPath(target) is not { } real || table.On(real) is not { } entry)
        {
            return null;
        }

        string source = RealPath(expectedSource) ?? throw new IOException($"{expectedSource} does not exist");
        return new MountState(table.PlaceOf(source) == (entry.Device, entry.Root), entry.IsReadOnly);
    }

    public ShownFolder? Shown(string target) =>
        RealPath(target) is { } real && MountTable.Read().On(real) is { } entry ? new ShownFolder(entry.Root, entry.IsReadOnly) : null;

    public void BindReadOnly(string source, string target)
    {
        using (SafeFileHandle folder = OpenFolder(target))
        {
            if (DetachedMount.TryBindReadOnly(source, folder, target))
            {
                return;
            }

            Check(Mount(source, ByHandle(folder), null, Bind, 0), $"mount --bind {source} {target}");
        }

        try
        {
            RemountReadOnly(target); // a bind mount takes no other option in its first call
        }
        catch
        {
            Unmount(target);
            throw;
        }
    }

    // Models are data: nothing in them may act as a device, gain rights, or run.
    public void RemountReadOnly(string target)
    {
        using SafeFileHandle mount = OpenFolder(target);
        Check(Mount(null, ByHandle(mount), null, Bind | Remount | ReadOnly | NoSuid | NoDev | NoExec, 0), $"mount -o remount,bind,ro {target}");
    }

    public void Unmount(string target) => Check(Unmount2(target, NoFollow), $"umount {target}");

    private static SafeFileHandle OpenFolder(string path)
    {
        int descriptor = Open(path, PathOnly | FolderOnly | NoLink | CloseOnExec);
        Check(descriptor < 0 ? -1 : 0, $"open {path}");
        return new SafeFileHandle(descriptor, ownsHandle: true);
    }

    private static string ByHandle(SafeFileHandle folder) => $"/proc/self/fd/{folder.DangerousGetHandle()}";

    private static void Check(int result, string what)
    {
        if (result != 0)
        {
            int error = Marshal.GetLastPInvokeError();
            throw new IOException($"{what}: {Marshal.GetPInvokeErrorMessage(error)} (errno {error})");
        }
    }

    /// <summary>The path without symbolic links, as mountinfo writes it; null when it does not exist.</summary>
    private static string? RealPath(string path)
    {
        IntPtr resolved = RealPath(path, IntPtr.Zero);
        if (resolved == IntPtr.Zero)
        {
            return null;
        }

        try
        {
            return Marshal.PtrToStringUTF8(resolved);
        }
        finally
        {
            Free(resolved);
        }
    }

    [LibraryImport("libc", EntryPoint = "mount", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Mount(string? source, string target, string? type, ulong flags, IntPtr data);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "umount2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Unmount2(string target, int flags);

    [LibraryImport("libc", EntryPoint = "realpath", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial IntPtr RealPath(string path, IntPtr buffer);

    [LibraryImport("libc", EntryPoint = "free")]
    private static partial void Free(IntPtr pointer);
}
