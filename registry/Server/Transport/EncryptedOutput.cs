using System.Buffers;
using System.IO.Pipelines;

namespace AiModels.Registry.Transport;

/// <summary>
/// The sending side of a connection with TLS. Announced files are read here and encrypted from the memory they were read into, while everything else takes Kestrel's way,
/// which copies it twice more. The order is that of the writes.
/// </summary>
internal sealed class EncryptedOutput(PipeWriter encrypting) : PipeWriter, IFileSender, IDisposable
{
    // 128 KiB: eight TLS records. More gains nothing, and a slow client holds one such block.
    private const int BlockSize = 128 * 1024;

    private FileStream? _file;
    private long _fileOffset;
    private int _fileCount;
    private bool _isFileAdvanced;
    private byte[]? _block;

    public override bool CanGetUnflushedBytes => encrypting.CanGetUnflushedBytes;

    public override long UnflushedBytes => encrypting.UnflushedBytes;

    public void Announce(FileStream file, long offset, int count) => (_file, _fileOffset, _fileCount, _isFileAdvanced) = (file, offset, count, false);

    public override Memory<byte> GetMemory(int sizeHint = 0) => encrypting.GetMemory(sizeHint);

    public override Span<byte> GetSpan(int sizeHint = 0) => encrypting.GetSpan(sizeHint);

    public override void Advance(int bytes)
    {
        if (_file is null || _isFileAdvanced || bytes == 0)
        {
            encrypting.Advance(bytes);
            return;
        }

        if (bytes != _fileCount)
        {
            throw new InvalidOperationException($"{_fileCount} bytes of a file were announced, and {bytes} are written.");
        }

        _isFileAdvanced = true;
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) =>
        _isFileAdvanced ? SendFileAsync(cancellationToken) : encrypting.FlushAsync(cancellationToken);

    public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default) => encrypting.WriteAsync(source, cancellationToken);

    public override void CancelPendingFlush() => encrypting.CancelPendingFlush();

    public override void Complete(Exception? exception = null) => encrypting.Complete(exception);

    public override ValueTask CompleteAsync(Exception? exception = null) => encrypting.CompleteAsync(exception);

    /// <summary>Gives back what was rented. Only when nothing is being sent any more.</summary>
    public void Dispose() => ReturnBlock();

    private async ValueTask<FlushResult> SendFileAsync(CancellationToken cancellationToken)
    {
        (FileStream file, long offset, int left) = (_file!, _fileOffset, _fileCount);
        (_file, _isFileAdvanced) = (null, false);
        FlushResult result = await encrypting.FlushAsync(cancellationToken);
        byte[] block = _block ??= ArrayPool<byte>.Shared.Rent(BlockSize);
        while (left > 0 && !result.IsCompleted && !result.IsCanceled)
        {
            // Not asynchronous: what is in the page cache is here at once, and for the rest another thread would wait just as long.
            int count = RandomAccess.Read(file.SafeFileHandle, block.AsSpan(0, Math.Min(BlockSize, left)), offset);
            if (count == 0)
            {
                throw new IOException($"The file ends {left} bytes early.");
            }

            result = await encrypting.WriteAsync(block.AsMemory(0, count), cancellationToken);
            offset += count;
            left -= count;
        }

        ReturnBlock();
        return result;
    }

    private void ReturnBlock()
    {
        if (_block is { } block)
        {
            _block = null;
            ArrayPool<byte>.Shared.Return(block);
        }
    }
}
