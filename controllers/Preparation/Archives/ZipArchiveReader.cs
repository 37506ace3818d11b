using System.Buffers.Binary;
using System.IO.Compression;
using System.Runtime.CompilerServices;

namespace AiModels.Controllers.Preparation.Archives;

/// <summary>zip, read from its central directory: only entries that somebody reads are fetched, stored and deflated ones, each with its CRC verified.</summary>
internal sealed class ZipArchiveReader : IArchiveReader
{
    private const int Stored = 0;
    private const int Deflated = 8;
    private const int LocalHeaderLength = 30;

    // stat.h: the kind of file in a Unix mode.
    private const int KindMask = 0xF000;
    private const int RegularFile = 0x8000;
    private const int Folder = 0x4000;
    private const int SymbolicLink = 0xA000;

    public string Name => "zip";

    public IReadOnlyList<string> Extensions { get; } = [".zip"];

    public bool HasSignature(ReadOnlySpan<byte> start) => start.StartsWith("PK\x03\x04"u8) || start.StartsWith("PK\x05\x06"u8);

    public async IAsyncEnumerable<ArchiveEntry> ReadAsync(IByteSource archive, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var guard = new ArchiveGuard(archive.Name, archive.Length);
        IReadOnlyList<ZipRecord> records = await ZipDirectory.ReadAsync(archive, cancellationToken);

        // All rules on names and sizes first: a bad entry at the end must not cost the work on those before it.
        List<(ZipRecord Record, string Path)> files = [];
        foreach (ZipRecord record in records)
        {
            if (Check(archive, guard, record) is { } path)
            {
                files.Add((record, path));
            }
        }

        guard.Finish();
        foreach ((ZipRecord record, string path) in files)
        {
            await using var content = new LazyStream(() => OpenAsync(archive, record, path, cancellationToken), record.Length);
            yield return new ArchiveEntry(path, record.Length, content) { OpenAt = (offset, cancellation) => OpenAtAsync(archive, record, path, offset, cancellation) };
        }
    }

    /// <summary>The normalised path of a file; null for a folder.</summary>
    private static string? Check(IByteSource archive, ArchiveGuard guard, ZipRecord record)
    {
        int kind = record.Mode & KindMask;
        if (record.Name.EndsWith('/') || kind == Folder)
        {
            guard.Folder(record.Name);
            return null;
        }

        if (kind is not (0 or RegularFile))
        {
            throw guard.NotAFile(record.Name, kind == SymbolicLink ? "a symbolic link" : "a device or pipe");
        }

        if (record.IsEncrypted)
        {
            throw new InvalidArchiveException(archive.Name, record.Name, "is encrypted. Pack it without a password.");
        }

        if (record.Method is not (Stored or Deflated))
        {
            throw new InvalidArchiveException(archive.Name, record.Name, $"is compressed by method {record.Method}; stored (0) and deflate (8) can be read.");
        }

        return record.Method == Stored && record.Length != record.CompressedLength
            ? throw new InvalidArchiveException(archive.Name, record.Name, $"is stored, but announces {record.Length} bytes unpacked and {record.CompressedLength} packed.")
            : guard.File(record.Name, record.Length);
    }

    private static async Task<Stream> OpenAsync(IByteSource archive, ZipRecord record, string path, CancellationToken cancellationToken)
    {
        long data = await DataOffsetAsync(archive, record, cancellationToken);
        var packed = new EntryStream(await archive.OpenAsync(data, cancellationToken), archive.Name, path, record.CompressedLength, crc32: null, isWhole: false, ownsContent: true);
        Stream plain = record.Method == Deflated ? new DeflateStream(packed, CompressionMode.Decompress) : packed;
        return new EntryStream(plain, archive.Name, path, record.Length, record.Crc32, isWhole: true, ownsContent: true);
    }

    private static async Task<long> DataOffsetAsync(IByteSource archive, ZipRecord record, CancellationToken cancellationToken)
    {
        byte[] local = await ZipDirectory.ReadAtAsync(archive, record.HeaderOffset, LocalHeaderLength + record.RawName.Length, cancellationToken);
        CheckLocalHeader(archive, record, local);
        long data = record.HeaderOffset + LocalHeaderLength + record.RawName.Length + BinaryPrimitives.ReadUInt16LittleEndian(local.AsSpan(28));
        return data <= archive.Length - record.CompressedLength
            ? data
            : throw new InvalidArchiveException(archive.Name, record.Name, "lies partly beyond the end of the archive; it is cut short or damaged.");
    }

    /// <summary>From an offset on: at once where the entry is stored, by unpacking up to there where it is not.</summary>
    private static async ValueTask<Stream> OpenAtAsync(IByteSource archive, ZipRecord record, string path, long offset, CancellationToken cancellationToken)
    {
        if (record.Method != Stored)
        {
            Stream whole = await OpenAsync(archive, record, path, cancellationToken);
            await StreamSkip.SkipAsync(whole, offset, cancellationToken);
            return whole;
        }

        long data = await DataOffsetAsync(archive, record, cancellationToken);
        return new EntryStream(
            await archive.OpenAsync(data + offset, cancellationToken), archive.Name, path, record.Length - offset, crc32: null, isWhole: false, ownsContent: true);
    }

    /// <summary>Tools that believe the local header must see the same file as those that believe the directory.</summary>
    private static void CheckLocalHeader(IByteSource archive, ZipRecord record, byte[] local)
    {
        ReadOnlySpan<byte> header = local;
        bool agrees = BinaryPrimitives.ReadUInt32LittleEndian(header) == 0x04034b50
            && BinaryPrimitives.ReadUInt16LittleEndian(header[26..]) == record.RawName.Length
            && header[LocalHeaderLength..].SequenceEqual(record.RawName.Span)
            && BinaryPrimitives.ReadUInt16LittleEndian(header[8..]) == record.Method
            && (record.HasDataDescriptor
                || (BinaryPrimitives.ReadUInt32LittleEndian(header[14..]) == record.Crc32
                    && IsLength(header[18..], record.CompressedLength)
                    && IsLength(header[22..], record.Length)));
        if (!agrees)
        {
            throw new InvalidArchiveException(archive.Name, record.Name, "has a local header that differs from the archive's directory; the archive is damaged or malicious.");
        }
    }

    /// <summary>All ones stand for a zip64 field.</summary>
    private static bool IsLength(ReadOnlySpan<byte> field, long length) => BinaryPrimitives.ReadUInt32LittleEndian(field) is var value && (value == uint.MaxValue || value == length);

    /// <summary>Opens an entry when somebody reads it.</summary>
    private sealed class LazyStream(Func<Task<Stream>> open, long length) : Stream
    {
        private Stream? _stream;

        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => length;

        public override long Position
        {
            get => _stream?.Position ?? 0;
            set => throw new NotSupportedException();
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            _stream ??= await open();
            return await _stream.ReadAsync(buffer, cancellationToken);
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

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                _stream?.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}
