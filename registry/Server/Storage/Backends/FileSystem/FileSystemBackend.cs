using System.Runtime.CompilerServices;
using Microsoft.Win32.SafeHandles;

namespace AiModels.Registry.Storage.Backends.FileSystem;

/// <summary>
/// Objects as files of one folder, which one process owns. A write goes to <c>.staging/</c>, is flushed, renamed into place, and the folder that got the name is
/// flushed: after a crash at any instant an object is there whole or not at all. What a crash left in <c>.staging/</c> is removed at the next start.
/// </summary>
internal sealed class FileSystemBackend : IStorageBackend, IDisposable
{
    private const string StagingFolder = ".staging";
    private const string LockFile = ".lock";

    // A folder can be removed as empty between making it and putting a file into it; that this happens twenty times in a row means something else is wrong.
    private const int PlacementAttempts = 20;

    private readonly string _root;
    private readonly string _staging;
    private readonly FileSystemOptions _options;
    private readonly SafeFileHandle _lock;

    /// <summary>Opens the folder. Throws <see cref="IOException"/> when another process has it open.</summary>
    public FileSystemBackend(FileSystemOptions options)
    {
        _options = options;
        _root = Path.GetFullPath(options.Root);
        _staging = Path.Combine(_root, StagingFolder);
        Directory.CreateDirectory(_root);
        try
        {
            // Not shared: the runtime takes an exclusive lock that ends with the process, however it ends.
            _lock = File.OpenHandle(Path.Combine(_root, LockFile), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException failure)
        {
            throw new IOException($"{_root} is in use by another process: a storage folder has one registry.", failure);
        }

        Directory.CreateDirectory(_staging);
        foreach (string leftover in Directory.EnumerateFiles(_staging))
        {
            File.Delete(leftover);
        }
    }

    public string Name => "folder";

    public bool IsShared => false;

    public ValueTask CheckAsync(CancellationToken cancellationToken) =>
        Directory.Exists(_staging) ? ValueTask.CompletedTask : throw new IOException($"{_root} is gone, or no longer a storage folder.");

    public ValueTask<DateTimeOffset> GetTimeAsync(CancellationToken cancellationToken)
    {
        // The kernel stamps files with the tick that is running, which began up to 10 ms ago.
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        return ValueTask.FromResult(now - TimeSpan.FromMilliseconds(10));
    }

    public ValueTask<StorageEntry?> StatAsync(string path, CancellationToken cancellationToken)
    {
        var file = new FileInfo(FullPath(path));
        return ValueTask.FromResult<StorageEntry?>(file.Exists ? new StorageEntry(path, file.Length, file.LastWriteTimeUtc) : null);
    }

    public ValueTask<StorageReader?> OpenReadAsync(string path, long offset, CancellationToken cancellationToken)
    {
        FileStream file;
        try
        {
            // No buffer: readers bring blocks of their own. Asynchronous, because the kernel's way from file to socket asks for it.
            file = new FileStream(FullPath(path), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0, FileOptions.Asynchronous | FileOptions.SequentialScan);
        }
        catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException)
        {
            return ValueTask.FromResult<StorageReader?>(null);
        }

        var entry = new StorageEntry(path, file.Length, File.GetLastWriteTimeUtc(file.SafeFileHandle));
        file.Position = offset;
        return ValueTask.FromResult<StorageReader?>(new StorageReader(file, entry));
    }

    public ValueTask<IStorageWriter> CreateAsync(WriteIntent intent, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IStorageWriter>(new FileSystemWriter(this, NewStagingPath(), intent.Length, _options.DirectFrom));

    public async ValueTask<bool> PutAsync(string path, ReadOnlyMemory<byte> content, PutMode mode, CancellationToken cancellationToken)
    {
        if (mode == PutMode.Replace)
        {
            await using var writer = new FileSystemWriter(this, NewStagingPath(), content.Length, _options.DirectFrom);
            await writer.WriteAsync(content, cancellationToken);
            await writer.CommitAsync(path, cancellationToken);
            return true;
        }

        string staging = NewStagingPath();
        bool direct = false;
        using (SafeFileHandle file = Posix.CreateNew(staging, ref direct))
        {
            try
            {
                if (!content.IsEmpty)
                {
                    RandomAccess.Write(file, content.Span, 0);
                    Posix.SyncData(file, staging);
                }

                return Place(staging, path, Posix.Link);
            }
            finally
            {
                _ = Posix.Unlink(staging);
            }
        }
    }

    public async ValueTask ComposeAsync(IReadOnlyList<string> sources, string destination, CancellationToken cancellationToken)
    {
        if (sources is [string only])
        {
            // Its bytes have been durable since its own commit.
            MoveIntoPlace(FullPath(only), destination);
            return;
        }

        long length = sources.Sum(source => new FileInfo(FullPath(source)).Length);
        await using (var writer = new FileSystemWriter(this, NewStagingPath(), length, _options.DirectFrom))
        {
            byte[] buffer = GC.AllocateUninitializedArray<byte>(TransferBuffers.LargeSize, pinned: true);
            foreach (string source in sources)
            {
                await using StorageReader reader = await OpenReadAsync(source, 0, cancellationToken) ?? throw new IOException($"{source} is gone.");
                int count;
                while ((count = await reader.Content.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken)) > 0)
                {
                    await writer.WriteAsync(buffer.AsMemory(0, count), cancellationToken);
                }
            }

            await writer.CommitAsync(destination, cancellationToken);
        }

        // From the last to the first: whoever is killed in between leaves a beginning, and not an end without one.
        foreach (string source in sources.Reverse())
        {
            await DeleteAsync(source, cancellationToken);
        }
    }

    public ValueTask<bool> DeleteAsync(string path, CancellationToken cancellationToken)
    {
        string full = FullPath(path);
        int error = Posix.Unlink(full);
        if (error is Posix.NoEntry or Posix.NotDirectory)
        {
            return ValueTask.FromResult(false);
        }

        if (error != 0)
        {
            throw Posix.Failure("unlink", path, error);
        }

        Posix.SyncFolder(Path.GetDirectoryName(full)!);
        RemoveEmptyFolders(Path.GetDirectoryName(full)!);
        return ValueTask.FromResult(true);
    }

    public async IAsyncEnumerable<StorageEntry> ListAsync(string folder, string? startAfter, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        foreach (StorageEntry entry in Walk(folder, startAfter))
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return entry;
        }
    }

    public ValueTask<Uri?> GetDirectLinkAsync(string path, TimeSpan lifetime, CancellationToken cancellationToken) => ValueTask.FromResult<Uri?>(null);

    public ValueTask<StorageSpace?> GetSpaceAsync(CancellationToken cancellationToken)
    {
        var drive = new DriveInfo(_root);
        return ValueTask.FromResult<StorageSpace?>(new StorageSpace(drive.TotalSize, drive.AvailableFreeSpace));
    }

    public void Dispose() => _lock.Dispose();

    /// <summary>Renames a flushed file to its path, replacing, and makes the name durable.</summary>
    internal void MoveIntoPlace(string file, string path) => Place(file, path, Posix.Rename);

    private bool Place(string file, string path, Func<string, string, int> place)
    {
        string full = FullPath(path);
        string folder = Path.GetDirectoryName(full)!;
        for (int attempt = 1; ; attempt++)
        {
            int error = place(file, full);
            switch (error)
            {
                case 0:
                    Posix.SyncFolder(folder);
                    return true;
                case Posix.Exists:
                    return false;
                case Posix.NoEntry when attempt < PlacementAttempts:
                    EnsureFolder(folder);
                    break;
                default:
                    throw Posix.Failure("place", path, error);
            }
        }
    }

    /// <summary>Makes a folder and makes its name durable, parents first.</summary>
    private void EnsureFolder(string folder)
    {
        if (folder.Length <= _root.Length || Directory.Exists(folder))
        {
            return;
        }

        string parent = Path.GetDirectoryName(folder)!;
        EnsureFolder(parent);
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (DirectoryNotFoundException)
        {
            return; // The parent was removed as empty meanwhile: the placement tries again.
        }
        catch (IOException) when (!File.Exists(folder))
        {
            return; // It was there, and was removed as empty before the framework looked: likewise.
        }

        Posix.SyncFolder(parent);
    }

    /// <summary>Removes folders that became empty, upwards, so that deleted repositories leave nothing behind.</summary>
    private void RemoveEmptyFolders(string folder)
    {
        while (folder.Length > _root.Length && Posix.RemoveFolder(folder) == 0)
        {
            folder = Path.GetDirectoryName(folder)!;
        }
    }

    private IEnumerable<StorageEntry> Walk(string folder, string? startAfter)
    {
        List<FileSystemInfo> children;
        try
        {
            children = [.. new DirectoryInfo(FullPath(folder)).EnumerateFileSystemInfos()];
        }
        catch (DirectoryNotFoundException)
        {
            yield break;
        }

        // Ordinal order of whole paths: a folder sorts as its name with the '/' that follows it.
        foreach ((string name, FileSystemInfo child) in children.Select(child => (Name: child is DirectoryInfo ? child.Name + "/" : child.Name, child)).OrderBy(pair => pair.Name, StringComparer.Ordinal))
        {
            string path = folder + name;
            if (folder.Length == 0 && name[0] == '.')
            {
                continue;
            }

            if (child is DirectoryInfo)
            {
                if (startAfter is null || string.CompareOrdinal(path, startAfter) > 0 || startAfter.StartsWith(path, StringComparison.Ordinal))
                {
                    foreach (StorageEntry entry in Walk(path, startAfter))
                    {
                        yield return entry;
                    }
                }
            }
            else if (child is FileInfo file && (startAfter is null || string.CompareOrdinal(path, startAfter) > 0) && TryDescribe(file, path, out StorageEntry found))
            {
                yield return found;
            }
        }
    }

    private static bool TryDescribe(FileInfo file, string path, out StorageEntry entry)
    {
        entry = default;
        try
        {
            entry = new StorageEntry(path, file.Length, file.LastWriteTimeUtc);
            return true;
        }
        catch (FileNotFoundException)
        {
            return false; // Deleted while we walked.
        }
    }

    private string NewStagingPath() => Path.Combine(_staging, Guid.NewGuid().ToString("N"));

    private string FullPath(string path) => Path.Combine(_root, path);
}
