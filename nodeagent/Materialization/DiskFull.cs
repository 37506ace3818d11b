namespace AiModels.NodeAgent.Materialization;

/// <summary>A disk without room, told apart from other troubles because evicting something helps against it.</summary>
internal static class DiskFull
{
    // ENOSPC and EDQUOT of <errno.h>; .NET puts the number into HResult.
    private const int NoSpace = 28;
    private const int QuotaExceeded = 122;

    public static bool IsReasonOf(Exception exception) => exception is IOException { HResult: NoSpace or QuotaExceeded };

    public static IOException Of(string message) => new(message, NoSpace);
}
