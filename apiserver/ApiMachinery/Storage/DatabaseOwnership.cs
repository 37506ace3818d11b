namespace AiModels.ApiMachinery.Storage;

/// <summary>
/// One process has an embedded database open: its revision counter and hub are the process's own, and a second writer on the same file would break the
/// order of revisions. The lock goes with the process, so a killed one leaves nothing behind.
/// </summary>
public sealed class DatabaseOwnership : IDisposable
{
    private readonly FileStream _lock;

    private DatabaseOwnership(FileStream held) => _lock = held;

    /// <summary>Takes it, and makes the folder when missing. Throws <see cref="StoreUnavailableException"/> when another process has it.</summary>
    public static DatabaseOwnership Take(string path)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            return new DatabaseOwnership(new FileStream(path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (Exception reason) when (reason is IOException or UnauthorizedAccessException)
        {
            throw new StoreUnavailableException($"cannot take the database '{path}' (is another process using it?): {reason.Message}", reason);
        }
    }

    public void Dispose() => _lock.Dispose();
}
