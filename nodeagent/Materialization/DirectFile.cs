using System.Runtime.InteropServices;
using AiModels.ModelPack;
using Microsoft.Win32.SafeHandles;

namespace AiModels.NodeAgent.Materialization;

/// <summary>
/// A file of known length that is written out of order. Aligned pieces go past the page cache (O_DIRECT): durable bulk writes are two to three times as fast
/// that way, and the cache stays for those who read. What is not aligned (the tail, small files), and file systems without O_DIRECT, take the ordinary way.
/// </summary>
internal sealed partial class DirectFile : IFileTarget, IDisposable
{
    // The block size of practically every disk and file system; O_DIRECT wants offset, length and memory aligned to it.
    private const int Alignment = 4096;

    // <fcntl.h> of Linux on x86-64 and arm64.
    private const int WriteOnly = 1;
    private const int CloseOnExec = 0x80000;
    private static readonly int Direct = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x10000 : 0x4000;

    private readonly SafeFileHandle _buffered;
    private readonly SafeFileHandle? _direct;

    /// <summary>Opens or creates the file and gives it its length and its blocks. Throws <see cref="IOException"/> when the disk is full.</summary>
    public DirectFile(string path, long length)
    {
        _buffered = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite);
        try
        {
            if (RandomAccess.GetLength(_buffered) != length)
            {
                Reserve(_buffered, length);
                RandomAccess.SetLength(_buffered, length);
            }

            if (length >= Alignment)
            {
                int descriptor = Open(path, WriteOnly | CloseOnExec | Direct);
                _direct = descriptor >= 0 ? new SafeFileHandle(descriptor, ownsHandle: true) : null; // tmpfs and some network file systems refuse
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Waits for the disk on a thread of <see cref="DiskThreads"/>, so that the caller's expands the next chunk meanwhile.</summary>
    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return new ValueTask(DiskThreads.Shared.RunAsync(() => Write(offset, bytes.Span)));
    }

    /// <summary>Waits until everything written so far is on the disk.</summary>
    public void Flush() => RandomAccess.FlushToDisk(_buffered);

    public void Dispose()
    {
        _buffered.Dispose();
        _direct?.Dispose();
    }

    private void Write(long offset, ReadOnlySpan<byte> bytes)
    {
        int aligned = _direct is not null && offset % Alignment == 0 && IsAligned(bytes) ? bytes.Length / Alignment * Alignment : 0;
        if (aligned > 0)
        {
            RandomAccess.Write(_direct!, bytes[..aligned], offset);
        }

        if (aligned < bytes.Length)
        {
            RandomAccess.Write(_buffered, bytes[aligned..], offset + aligned);
        }
    }

    /// <summary>
    /// Takes the blocks now, in long runs: a disk that has become full says so before bytes are fetched, and writers of several chunks do not each search for room.
    /// </summary>
    private static void Reserve(SafeFileHandle file, long length)
    {
        const int NotSupported = 95; // EOPNOTSUPP: the file system has no fallocate; blocks come with the writes
        if (length > 0 && Allocate(file, 0, 0, length) != 0 && Marshal.GetLastPInvokeError() is var error and not NotSupported)
        {
            RandomAccess.SetLength(file, 0); // a file of full length is one that has its blocks
            throw new IOException($"{length} bytes could not be reserved: {Marshal.GetPInvokeErrorMessage(error)}", error);
        }
    }

    private static unsafe bool IsAligned(ReadOnlySpan<byte> bytes)
    {
        fixed (byte* pointer = bytes)
        {
            return (nuint)pointer % Alignment == 0;
        }
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    private static partial int Allocate(SafeFileHandle file, int mode, long offset, long length);
}
