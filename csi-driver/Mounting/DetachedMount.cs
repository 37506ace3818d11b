using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AiModels.CsiDriver.Mounting;

/// <summary>
/// A bind mount that is made read-only before anybody can see it, and then put in its place in one step (Linux 5.12: open_tree, mount_setattr and move_mount; see
/// https://man7.org/linux/man-pages/man2/mount_setattr.2.html). There is no moment at which it is writable, and none at which half of it is done.
/// </summary>
internal static unsafe partial class DetachedMount
{
    // The same numbers on x86-64 and arm64.
    private const long OpenTree = 428;
    private const long MoveMount = 429;
    private const long MountSetAttributes = 442;

    private const int CurrentFolder = -100; // AT_FDCWD
    private const uint CloneAndCloseOnExec = 1 | 0x80000;
    private const uint EmptyPath = 0x1000;
    private const uint FromAndToHandle = 0x4 | 0x40;

    // Models are data: nothing in them may act as a device, gain rights, or run.
    private const ulong ReadOnlyNoSuidNoDevNoExec = 1 | 2 | 4 | 8;

    private const int NoSuchCall = 38; // ENOSYS

    /// <summary>False on kernels that cannot do it; nothing was done then. Throws <see cref="IOException"/> with the system's words.</summary>
    public static bool TryBindReadOnly(string source, SafeFileHandle target, string targetName)
    {
        using SafeFileHandle? tree = Clone(source);
        if (tree is null || !TrySeal(tree, source))
        {
            return false;
        }

        Check(Call(MoveMount, Number(tree), "", Number(target), "", FromAndToHandle), $"mount {source} on {targetName}");
        return true;
    }

    private static SafeFileHandle? Clone(string source)
    {
        long descriptor = Call(OpenTree, CurrentFolder, source, CloneAndCloseOnExec);
        if (descriptor < 0 && Marshal.GetLastPInvokeError() == NoSuchCall)
        {
            return null;
        }

        Check(descriptor, $"open_tree {source}");
        return new SafeFileHandle((nint)descriptor, ownsHandle: true);
    }

    private static bool TrySeal(SafeFileHandle tree, string source)
    {
        var attributes = new MountAttributes { Set = ReadOnlyNoSuidNoDevNoExec };
        long result = Call(MountSetAttributes, Number(tree), "", EmptyPath, &attributes, (nuint)sizeof(MountAttributes));
        if (result < 0 && Marshal.GetLastPInvokeError() == NoSuchCall)
        {
            return false;
        }

        Check(result, $"mount_setattr ro {source}");
        return true;
    }

    private static int Number(SafeFileHandle handle) => (int)handle.DangerousGetHandle();

    private static void Check(long result, string what)
    {
        if (result < 0)
        {
            int error = Marshal.GetLastPInvokeError();
            throw new IOException($"{what}: {Marshal.GetPInvokeErrorMessage(error)} (errno {error})");
        }
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial long Call(long number, int folder, string path, uint flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial long Call(long number, int from, string fromPath, int to, string toPath, uint flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial long Call(long number, int folder, string path, uint flags, MountAttributes* attributes, nuint size);

    /// <summary>struct mount_attr of &lt;linux/mount.h&gt;.</summary>
    private struct MountAttributes
    {
        public ulong Set;
        public ulong Clear;
        public ulong Propagation;
        public ulong UserNamespace;
    }
}
