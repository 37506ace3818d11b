using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AiModels.Registry.Transport;

/// <summary>
/// Asks the kernel for a file's bytes before they are sent. sendfile(2) asks for 64 KiB at a time, and its own reading ahead does not keep a disk busy: what was in nobody's page
/// cache was sent at half the speed. Bytes that are in the page cache already cost a look at it.
/// </summary>
internal sealed partial class ReadAhead(SafeFileHandle file, long offset, long end)
{
    // 16 MiB: a whole chunk of most models, and some ten milliseconds of a fast disk.
    private const long Distance = 16 * 1024 * 1024;

    // The kernel takes no more of one request than the device's largest, and leaves the rest.
    private const long Step = 1024 * 1024;

    // <fcntl.h> of Linux, POSIX_FADV_WILLNEED.
    private const int WillNeed = 3;

    private long _asked = offset;

    /// <summary>Bytes from here on are sent next.</summary>
    public void From(long position)
    {
        for (long wanted = Math.Min(end, position + Distance); _asked < wanted; _asked += Step)
        {
            // It is advice: where it cannot be taken, the bytes are read when they are sent.
            _ = Advise(file, _asked, Math.Min(Step, end - _asked), WillNeed);
        }
    }

    [LibraryImport("libc", EntryPoint = "posix_fadvise")]
    private static partial int Advise(SafeFileHandle file, long offset, long length, int advice);
}
