using System.Runtime.InteropServices;
using AiModels.Hosting.Mounts;

namespace AiModels.CsiDriver.Mounting;

/// <summary>mount(2) and umount2(2). Needs CAP_SYS_ADMIN.</summary>
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

    public bool IsMounted(string target) => RealPath(target) is { } real && MountTable.Read().On(real) is not null;

    public void BindReadOnly(string source, string target)
    {
        Check(Mount(source, target, null, Bind, 0), $"mount --bind {source} {target}");
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
    public void RemountReadOnly(string target) =>
        Check(Mount(null, target, null, Bind | Remount | ReadOnly | NoSuid | NoDev | NoExec, 0), $"mount -o remount,bind,ro {target}");

    public void Unmount(string target) => Check(Unmount2(target, NoFollow), $"umount {target}");

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

    [LibraryImport("libc", EntryPoint = "umount2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Unmount2(string target, int flags);

    [LibraryImport("libc", EntryPoint = "realpath", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial IntPtr RealPath(string path, IntPtr buffer);

    [LibraryImport("libc", EntryPoint = "free")]
    private static partial void Free(IntPtr pointer);
}
