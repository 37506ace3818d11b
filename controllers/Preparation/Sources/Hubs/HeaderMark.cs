using System.Security.Cryptography;
using AiModels.ModelPack;

namespace AiModels.Controllers.Preparation.Sources.Hubs;

/// <summary>
/// A part of a file that was read before the file was fetched. Nothing promises parts, so what the model is, and that its pickles are harmless, was learned from
/// bytes that nobody had verified; when the whole file comes, these parts must be the same.
/// </summary>
internal sealed record HeaderMark(long Offset, long Length, byte[] Sha256);

/// <summary>Remembers what goes by. Owns the stream below it. Not thread-safe.</summary>
internal sealed class HeaderMarkStream(Stream inner, long offset) : ForwardOnlyStream
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private long _length;
    private HeaderMark? _mark;

    public override long Length => inner.Length;

    public override long Position => inner.Position;

    /// <summary>Of everything that was read so far; after the stream was disposed, of everything that was read.</summary>
    public HeaderMark Mark => _mark ?? new(offset, _length, _hash.GetCurrentHash());

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int read = await inner.ReadAsync(buffer, cancellationToken);
        _hash.AppendData(buffer.Span[..read]);
        _length += read;
        return read;
    }

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
