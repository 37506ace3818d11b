using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AiModels.Registry.Storage.Backends.FileSystem;

/// <summary>The system calls that .NET's file API hides: O_DIRECT, fsync of folders, atomic link. Linux, 64 bit.</summary>
internal static partial class Posix
{
    public const int NoEntry = 2;
    public const int Exists = 17;
    public const int NotDirectory = 20;
    public const int InvalidArgument = 22;
    public const int TooLarge = 27;
    public const int NoSpace = 28;
    public const int NotEmpty = 39;
    public const int QuotaExceeded = 122;

    private const int ReadWrite = 0x2;
    private const int Create = 0x40;
    private const int Exclusive = 0x80;
    private const int CloseOnExec = 0x80000;
    private const int SetFlags = 4;
    private const int GetFlags = 3;

    // The one flag whose value differs between the architectures .NET runs on.
    private static readonly int Direct = RuntimeInformation.ProcessArchitecture is Architecture.Arm64 or Architecture.Arm ? 0x10000 : 0x4000;
    private static readonly int Directory = RuntimeInformation.ProcessArchitecture is Architecture.Arm64 or Architecture.Arm ? 0x4000 : 0x10000;

    /// <summary>Makes a new file for writing, past the page cache when <paramref name="direct"/> and the file system allows it.</summary>
    public static SafeFileHandle CreateNew(string path, ref bool direct)
    {
        int flags = ReadWrite | Create | Exclusive | CloseOnExec;
        int fd = -1;
        if (direct)
        {
            fd = open(path, flags | Direct, 0x1a0);
            direct = fd >= 0;
            if (fd < 0 && Marshal.GetLastPInvokeError() is InvalidArgument)
            {
                // tmpfs and some overlays refuse O_DIRECT after having made the file.
                _ = unlink(path);
            }
            else if (fd < 0)
            {
                throw Failure("create", path, Marshal.GetLastPInvokeError());
            }
        }

        if (fd < 0)
        {
            fd = open(path, flags, 0x1a0);
        }

        return fd >= 0 ? new SafeFileHandle(fd, ownsHandle: true) : throw Failure("create", path, Marshal.GetLastPInvokeError());
    }

    /// <summary>Turns O_DIRECT off for what is still to be written: the tail of a file is not aligned.</summary>
    public static void LeaveDirect(SafeFileHandle file)
    {
        int flags = fcntl(file, GetFlags, 0);
        if (flags < 0 || fcntl(file, SetFlags, flags & ~Direct) < 0)
        {
            throw Failure("fcntl", "", Marshal.GetLastPInvokeError());
        }
    }

    /// <summary>Makes content and length of a file durable.</summary>
    public static void SyncData(SafeFileHandle file, string path)
    {
        if (fdatasync(file) != 0)
        {
            throw Failure("fdatasync", path, Marshal.GetLastPInvokeError());
        }
    }

    /// <summary>Makes the names in a folder durable.</summary>
    public static void SyncFolder(string path)
    {
        int fd = open(path, Directory | CloseOnExec, 0);
        if (fd < 0)
        {
            int error = Marshal.GetLastPInvokeError();
            if (error == NoEntry)
            {
                return; // The folder itself went meanwhile, and with it what was to be made durable.
            }

            throw Failure("open", path, error);
        }

        using var folder = new SafeFileHandle(fd, ownsHandle: true);
        if (fsync(folder) != 0)
        {
            throw Failure("fsync", path, Marshal.GetLastPInvokeError());
        }
    }

    /// <summary>Reserves room, so that a full disk is known before the bytes come and extending costs nothing later. Where it is not supported, nothing happens.</summary>
    public static void Allocate(SafeFileHandle file, string path, long length)
    {
        int error = fallocate(file, 0, 0, length) == 0 ? 0 : Marshal.GetLastPInvokeError();
        if (error is NoSpace or QuotaExceeded or TooLarge)
        {
            throw Failure("fallocate", path, error);
        }
    }

    /// <summary>Renames, replacing. Returns 0 or the error number.</summary>
    public static int Rename(string from, string to) => rename(from, to) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>Gives a file a second name that must not exist yet. Returns 0 or the error number.</summary>
    public static int Link(string from, string to) => link(from, to) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>Removes a name. Returns 0 or the error number.</summary>
    public static int Unlink(string path) => unlink(path) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>Removes an empty folder. Returns 0 or the error number.</summary>
    public static int RemoveFolder(string path) => rmdir(path) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>The exception for an error number.</summary>
    public static IOException Failure(string operation, string path, int error)
    {
        string message = $"{operation} {path}: {Marshal.GetPInvokeErrorMessage(error)}";
        return error is NoSpace or QuotaExceeded or TooLarge ? new StorageFullException(message) : new IOException(message, error);
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags, int mode);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fcntl(SafeFileHandle file, int command, int argument);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fdatasync(SafeFileHandle file);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fsync(SafeFileHandle file);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fallocate(SafeFileHandle file, int mode, long offset, long length);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int rename(string from, string to);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int link(string from, string to);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int unlink(string path);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int rmdir(string path);
}
