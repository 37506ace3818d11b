using System.Security.Cryptography;

namespace AiModels.Controllers.Preparation.Sources.Hubs;

/// <summary>
/// A part of a file that was read before the file was fetched. Nothing promises parts, so what the model is, and that its pickles are harmless, was learned from
/// bytes that nobody had verified; when the whole file comes, these parts must be the same.
/// </summary>
internal sealed record HeaderMark(long Offset, long Length, byte[] Sha256);

/// <summary>Remembers what goes by. Owns the stream below it. Not thread-safe.</summary>
internal sealed class HeaderMarkStream(Stream inner, long offset) : Stream
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private long _length;
    private HeaderMark? _mark;

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => inner.Length;

    public override long Position
    {
        get => inner.Position;
        set => throw new NotSupportedException();
    }

    /// <summary>Of everything that was read so far; after the stream was disposed, of everything that was read.</summary>
    public HeaderMark Mark => _mark ?? new(offset, _length, _hash.GetCurrentHash());

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int read = await inner.ReadAsync(buffer, cancellationToken);
        _hash.AppendData(buffer.Span[..read]);
        _length += read;
        return read;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Read asynchronously.");

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override async ValueTask DisposeAsync()
    {
        if (_mark is null)
        {
            _mark = Mark;
            _hash.Dispose();
        }

        await inner.DisposeAsync();
        await base.DisposeAsync();
    }
}
