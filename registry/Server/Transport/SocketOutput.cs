using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace AiModels.Registry.Transport;

/// <summary>
/// The sending side of a plain connection, straight on its socket: what Kestrel writes is sent from a small buffer or from the memory it lies in, and announced
/// files are sent by the kernel. The order is that of the writes. The transport's own sender stays idle and closes the socket when this is completed.
/// </summary>
internal sealed class SocketOutput(ConnectionContext connection, Socket socket, PipeWriter transport) : PipeWriter, IFileSender, IDisposable
{
    // Headers and small bodies fit; larger memory that is handed over in one piece is sent from where it lies.
    private const int BufferSize = 16 * 1024;

    private byte[]? _buffer;
    private int _buffered;
    private FileStream? _file;
    private long _fileOffset;
    private int _fileCount;
    private bool _isFileAdvanced;
    private bool _isGone;
    private SocketAsyncEventArgs? _sending;
    private TaskCompletionSource<SocketError>? _sent;

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => _buffered;

    public void Announce(FileStream file, long offset, int count) => (_file, _fileOffset, _fileCount, _isFileAdvanced) = (file, offset, count, false);

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        int size = Math.Max(sizeHint, 1);
        if (_buffer is null)
        {
            _buffer = ArrayPool<byte>.Shared.Rent(Math.Max(BufferSize, size));
        }
        else if (_buffer.Length - _buffered < size)
        {
            byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(_buffer.Length * 2, _buffered + size));
            _buffer.AsSpan(0, _buffered).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = larger;
        }

        return _buffer.AsMemory(_buffered);
    }

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override void Advance(int bytes)
    {
        if (_file is not null && !_isFileAdvanced && bytes > 0)
        {
            if (bytes != _fileCount)
            {
                throw new InvalidOperationException($"{_fileCount} bytes of a file were announced, and {bytes} are written.");
            }

            _isFileAdvanced = true;
            return;
        }

        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, (_buffer?.Length ?? 0) - _buffered);
        _buffered += bytes;
    }

    public override async ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        try
        {
            await SendBufferedAsync(cancellationToken);
            if (_isFileAdvanced)
            {
                await SendFileAsync();
            }
        }
        catch (SocketException)
        {
            Lose();
        }
        catch (ObjectDisposedException)
        {
            Lose();
        }

        return new FlushResult(isCanceled: false, isCompleted: _isGone);
    }

    public override async ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
    {
        if (source.Length < BufferSize || _isFileAdvanced)
        {
            source.CopyTo(GetMemory(source.Length));
            Advance(source.Length);
            return await FlushAsync(cancellationToken);
        }

        try
        {
            await SendBufferedAsync(cancellationToken);
            await SendAsync(source, cancellationToken);
        }
        catch (SocketException)
        {
            Lose();
        }
        catch (ObjectDisposedException)
        {
            Lose();
        }

        return new FlushResult(isCanceled: false, isCompleted: _isGone);
    }

    public override void CancelPendingFlush() => transport.CancelPendingFlush();

    public override void Complete(Exception? exception = null) => transport.Complete(exception);

    /// <summary>Gives back what was rented. Only when nothing is being sent any more.</summary>
    public void Dispose()
    {
        _sending?.Dispose();
        ReturnBuffer();
    }

    private void ReturnBuffer()
    {
        if (_buffer is { } buffer)
        {
            _buffer = null;
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private async ValueTask SendBufferedAsync(CancellationToken cancellationToken)
    {
        if (_buffered > 0)
        {
            await SendAsync(_buffer.AsMemory(0, _buffered), cancellationToken);

            // A connection that waits for its next request holds nothing.
            _buffered = 0;
            ReturnBuffer();
        }
    }

    private async ValueTask SendAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        while (!content.IsEmpty && !_isGone)
        {
            content = content[await socket.SendAsync(content, SocketFlags.None, cancellationToken)..];
        }
    }

    private async ValueTask SendFileAsync()
    {
        FileStream file = _file!;
        (_file, _isFileAdvanced) = (null, false);
        if (_isGone)
        {
            return;
        }

        // On Linux this is sendfile(2), driven by the socket's readiness.
        SocketAsyncEventArgs sending = _sending ??= MakeSending();
        _sent = new TaskCompletionSource<SocketError>(TaskCreationOptions.RunContinuationsAsynchronously);
        sending.SendPacketsElements = [new SendPacketsElement(file, _fileOffset, _fileCount)];
        SocketError error = socket.SendPacketsAsync(sending) ? await _sent.Task : sending.SocketError;
        if (error != SocketError.Success)
        {
            throw new SocketException((int)error);
        }
    }

    private SocketAsyncEventArgs MakeSending()
    {
        var sending = new SocketAsyncEventArgs();
        sending.Completed += (_, done) => _sent!.SetResult(done.SocketError);
        return sending;
    }

    private void Lose()
    {
        _isGone = true;
        connection.Abort(new ConnectionAbortedException("The client closed the connection."));
    }
}
