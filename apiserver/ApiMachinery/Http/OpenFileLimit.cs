using System.Runtime.InteropServices;

namespace AiModels.ApiMachinery.Http;

/// <summary>How many connections the process can hold before it is out of file descriptors.</summary>
internal static partial class OpenFileLimit
{
    private const int OpenFiles = 7; // RLIMIT_NOFILE

    // For the database, its log, certificates, assemblies and connections to others.
    private const int Reserve = 512;

    /// <summary>
    /// Connections to be held at most; null when there is no limit. A server that is out of descriptors can neither take a connection nor open its
    /// database: it is better to close the ones that are too many.
    /// </summary>
    public static long? Connections()
    {
        bool isLimited = GetLimit(OpenFiles, out Limit limit) == 0 && limit.Current < long.MaxValue;
        return isLimited ? Math.Max((long)limit.Current - Reserve, (long)limit.Current / 2) : null;
    }

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static partial int GetLimit(int resource, out Limit limit);

    [StructLayout(LayoutKind.Sequential)]
    private struct Limit
    {
        public ulong Current;
        public ulong Maximum;
    }
}
