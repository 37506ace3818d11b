using System.Buffers.Binary;
using System.IO.Compression;
using AiModels.ModelPack;

namespace AiModels.Controllers.Preparation.Archives;

/// <summary>
/// Expands gzip (RFC 1952). The framework's stream checks each member's CRC but takes an early end for the end; this one compares the trailer of the
/// last member (CRC-32 and length) with what came out, so that an archive that was cut short is told.
/// </summary>
internal sealed class GzipMembersStream : ForwardOnlyStream
{
    private readonly LastBytesStream _compressed;
    private readonly GZipStream _plain;
    private readonly RecentBytes _recent = new();
    private Crc32 _crc = Crc32.Start;
    private long _total;

    public GzipMembersStream(Stream compressed)
    {
        _compressed = new LastBytesStream(compressed);
        _plain = new GZipStream(_compressed, CompressionMode.Decompress, leaveOpen: true);
    }

    public override long Position => _total;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int read;
        try
        {
            read = await _plain.ReadAsync(buffer, cancellationToken);
        }
        catch (InvalidDataException e)
        {
            // The framework speaks of unsupported methods whatever is wrong.
            throw new InvalidDataException("the gzip stream is broken, or its bytes do not have the CRC-32 that it announces.", e);
        }

        _total += read;
        _crc = _crc.Add(buffer.Span[..read]);
        _recent.Add(buffer.Span[..read]);
        if (read == 0 && !buffer.IsEmpty && !EndsWithTrailer())
        {
            throw new InvalidDataException("the gzip stream does not end with its checksum; it is cut short, or other bytes follow it.");
        }

        return read;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _plain.Dispose();
        }

        base.Dispose(disposing);
    }

    /// <summary>
    /// Whether the file's last eight bytes are the trailer of its last member. Of one member they speak of all that came out. Of several they speak of
    /// the last one, whose beginning is not known: its content is compared as far as it is remembered, which is how block-wise writers end. A longer
    /// one is taken by its length alone; what it holds ends early when it was cut, and the archive's own reader tells that.
    /// </summary>
    private bool EndsWithTrailer()
    {
        if (_compressed.Position < LastBytesStream.SmallestMember)
        {
            return false;
        }

        (uint crc, uint length) = _compressed.Trailer;
        return length == (uint)_total && crc == _crc.Value
            || (length < _total && (_recent.Last((int)Math.Min(length, int.MaxValue)) is not { } last || Crc32.Start.Add(last).Value == crc));
    }

    /// <summary>The last bytes that came out, as many as a block-wise writer (bgzip: 64 KiB) puts into one member, and more.</summary>
    private sealed class RecentBytes
    {
        private const int Size = 1 << 20;

        private readonly byte[] _ring = new byte[Size];
        private long _count;

        public void Add(ReadOnlySpan<byte> bytes)
        {
            if (bytes.Length > Size)
            {
                _count += bytes.Length - Size;
                bytes = bytes[^Size..];
            }

            int at = (int)(_count % Size), first = Math.Min(bytes.Length, Size - at);
            bytes[..first].CopyTo(_ring.AsSpan(at));
            bytes[first..].CopyTo(_ring);
            _count += bytes.Length;
        }

        /// <summary>The last <paramref name="length"/> bytes; null when that many are not remembered.</summary>
        public byte[]? Last(int length)
        {
            if (length > Math.Min(_count, Size))
            {
                return null;
            }

            byte[] last = new byte[length];
            int from = (int)((_count - length) % Size), first = Math.Min(length, Size - from);
            _ring.AsSpan(from, first).CopyTo(last);
            _ring.AsSpan(0, length - first).CopyTo(last.AsSpan(first));
            return last;
        }
    }

    /// <summary>Remembers the last eight bytes that went through: the trailer of the last member.</summary>
    private sealed class LastBytesStream(Stream inner) : ForwardOnlyStream
    {
        /// <summary>Header of ten bytes, at least no content, trailer of eight.</summary>
        public const int SmallestMember = 18;

        private readonly byte[] _last = new byte[8];
        private long _seen;

        public override long Position => _seen;

        /// <summary>CRC-32 and length modulo 2^32 of the last member's content.</summary>
        public (uint Crc, uint Length) Trailer => (BinaryPrimitives.ReadUInt32LittleEndian(_last), BinaryPrimitives.ReadUInt32LittleEndian(_last.AsSpan(4)));

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            int read = await inner.ReadAsync(buffer, cancellationToken);
            Remember(buffer.Span[..read]);
            _seen += read;
            return read;
        }

        private void Remember(ReadOnlySpan<byte> bytes)
        {
            if (bytes.Length >= 8)
            {
                bytes[^8..].CopyTo(_last);
                return;
            }

            _last.AsSpan(bytes.Length).ToArray().CopyTo(_last, 0);
            bytes.CopyTo(_last.AsSpan(8 - bytes.Length));
        }
    }
}
