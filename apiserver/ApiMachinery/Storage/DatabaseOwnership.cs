namespace AiModels.ApiMachinery.Storage;

/// <summary>
/// One process has an embedded database open: its revision counter and hub are the process's own, and a second writer on the same file would break the
/// order of revisions. The lock goes with the process, so a killed one leaves nothing behind. What is made here is for nobody else to read: the API decides who
/// sees which object.
/// </summary>
public sealed class DatabaseOwnership : IDisposable
{
    private const UnixFileMode OwnersFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OwnersFolder = OwnersFile | UnixFileMode.UserExecute;

    private readonly FileStream _lock;

    private DatabaseOwnership(FileStream held) => _lock = held;

    /// <summary>Takes it, and makes folder and file when missing. Throws <see cref="StoreUnavailableException"/> when another process has it.</summary>
    public static DatabaseOwnership Take(string path)
    {
        FileStream? held = null;
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!, OwnersFolder);
            held = Open(path + ".lock", FileMode.OpenOrCreate);

            // Only under the lock: closing any handle of a file gives up what SQLite has locked in it. An empty file is a new database to every engine.
            if (!File.Exists(path)) Open(path, FileMode.CreateNew).Dispose();
            return new DatabaseOwnership(held);
        }
        catch (Exception reason) when (reason is IOException or UnauthorizedAccessException)
        {
            held?.Dispose();
            throw new StoreUnavailableException($"cannot take the database '{path}' (is another process using it?): {reason.Message}", reason);
        }
    }

    public void Dispose() => _lock.Dispose();

    private static FileStream Open(string path, FileMode mode) => new(path, new FileStreamOptions
    {
        Mode = mode,
        Access = FileAccess.ReadWrite,
        Share = FileShare.None,
        UnixCreateMode = OwnersFile,
    });
}
