using System.Buffers;
using Microsoft.Win32.SafeHandles;

namespace AiModels.Registry.Storage.Backends.FileSystem;

/// <summary>
/// Writes to a staging file and renames it into place. Aligned blocks go past the page cache; the first block that is not aligned (the tail)
/// turns that off for itself and what follows.
/// </summary>
internal sealed class FileSystemWriter : IStorageWriter
{
    private readonly FileSystemBackend _backend;
    private readonly string _staging;
    private readonly SafeFileHandle _file;
    private bool _direct;
    private bool _committed;

    public FileSystemWriter(FileSystemBackend backend, string staging, long? length, long directFrom)
    {
        _backend = backend;
        _staging = staging;

        // Unknown length: a stream, and those are large as a rule.
        _direct = length is null || length >= directFrom;
        _file = Posix.CreateNew(staging, ref _direct);
        if (length >= directFrom)
        {
            Allocate(length.Value);
        }
    }

    public long Length { get; private set; }

    // fdatasync has told that the bytes are down.
    public bool IsProven => _committed;

    public async ValueTask WriteAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        if (content.IsEmpty)
        {
            return;
        }

        if (_direct && !IsAligned(content))
        {
            Posix.LeaveDirect(_file);
            _direct = false;
        }

        try
        {
            if (content.Length <= TransferBuffers.SmallSize)
            {
                // Into the page cache: cheaper than a change of threads.
                RandomAccess.Write(_file, content.Span, Length);
            }
            else
            {
                await RandomAccess.WriteAsync(_file, content, Length, cancellationToken);
            }
        }
        catch (IOException failure) when (IsFull(failure))
        {
            throw new StorageFullException($"No room on the disk for {content.Length} more bytes.", failure);
        }

        Length += content.Length;
    }

    public async ValueTask CommitAsync(string path, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_file.IsClosed, this);
        if (Length < TransferBuffers.SmallSize)
        {
            Commit(path);
        }
        else
        {
            // The disk's flush takes milliseconds: not on the thread that serves sockets.
            await Task.Run(() => Commit(path), cancellationToken);
        }

        _committed = true;
    }

    public ValueTask DisposeAsync()
    {
        _file.Dispose();
        if (!_committed)
        {
            _ = Posix.Unlink(_staging);
        }

        return ValueTask.CompletedTask;
    }

    private void Commit(string path)
    {
        if (RandomAccess.GetLength(_file) != Length)
        {
            // Room was reserved for more than came.
            RandomAccess.SetLength(_file, Length);
        }

        Posix.SyncData(_file, _staging);
        _backend.MoveIntoPlace(_staging, path);
    }

    private void Allocate(long length)
    {
        try
        {
            Posix.Allocate(_file, _staging, length);
        }
        catch (StorageFullException failure)
        {
            _file.Dispose();
            _ = Posix.Unlink(_staging);
            throw new StorageFullException($"No room on the disk for {length} bytes.", failure);
        }
    }

    private unsafe bool IsAligned(ReadOnlyMemory<byte> content)
    {
        using MemoryHandle pin = content.Pin();
        return content.Length % TransferBuffers.Alignment == 0 && Length % TransferBuffers.Alignment == 0 && (nint)pin.Pointer % TransferBuffers.Alignment == 0;
    }

    // .NET turns ENOSPC into this HResult (the errno of the platform in the low bits).
    private static bool IsFull(IOException failure) => (failure.HResult & 0xFFFF) is Posix.NoSpace or Posix.QuotaExceeded or 0x70;
}
