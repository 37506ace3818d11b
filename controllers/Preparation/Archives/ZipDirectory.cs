using System.Buffers.Binary;
using System.Text;

namespace AiModels.Controllers.Preparation.Archives;

/// <summary>One record of a zip's central directory.</summary>
internal sealed record ZipRecord
{
    public required string Name { get; init; }
    public required ReadOnlyMemory<byte> RawName { get; init; }
    public required ushort Flags { get; init; }
    public required ushort Method { get; init; }
    public required uint Crc32 { get; init; }
    public required long CompressedLength { get; init; }
    public required long Length { get; init; }
    public required long HeaderOffset { get; init; }

    /// <summary>Unix file mode, 0 when the archive was not made on Unix.</summary>
    public required int Mode { get; init; }

    public bool IsEncrypted => (Flags & 0x0001) != 0;

    /// <summary>Sizes and CRC follow the data and are zero in the local header.</summary>
    public bool HasDataDescriptor => (Flags & 0x0008) != 0;
}

/// <summary>
/// The central directory at the end of a zip file (APPNOTE.TXT 6.3.10, sections 4.3.12 to 4.3.16), zip64 included. It alone says what is in the archive:
/// local headers are only compared with it.
/// </summary>
internal static class ZipDirectory
{
    private const int EndLength = 22;
    private const int LocatorLength = 20;
    private const int End64Length = 56;
    private const int CommentLimit = 65_535;

    // 100,000 entries with usual names; a larger directory is an attack.
    private const long DirectoryLimit = 12 * 1024 * 1024;

    public static async Task<IReadOnlyList<ZipRecord>> ReadAsync(IByteSource archive, CancellationToken cancellationToken)
    {
        int tailLength = (int)Math.Min(archive.Length, EndLength + CommentLimit + LocatorLength + End64Length);
        byte[] tail = await ReadAtAsync(archive, archive.Length - tailLength, tailLength, cancellationToken);
        (long offset, long length, long count, long limit) = await FindAsync(archive, tail, cancellationToken);
        if (offset < 0 || length < 0 || length > DirectoryLimit || offset > limit - length)
        {
            throw Damaged(archive, $"its directory of {(ulong)length} bytes at {(ulong)offset} does not lie inside it, or is larger than {DirectoryLimit} bytes");
        }

        if (count > ArchiveGuard.EntryLimit)
        {
            throw Damaged(archive, $"it has {(ulong)count} entries; at most {ArchiveGuard.EntryLimit} are read");
        }

        byte[] directory = await ReadAtAsync(archive, offset, (int)length, cancellationToken);
        IReadOnlyList<ZipRecord> records = Parse(archive, directory, count);
        CheckOverlaps(archive, records, offset);
        return records;
    }

    public static async Task<byte[]> ReadAtAsync(IByteSource archive, long offset, int length, CancellationToken cancellationToken)
    {
        byte[] bytes = new byte[length];
        await using Stream stream = await archive.OpenAsync(offset, cancellationToken);
        int read = await stream.ReadAtLeastAsync(bytes, length, throwOnEndOfStream: false, cancellationToken);
        return read == length ? bytes : throw Damaged(archive, $"it ends at {offset + read}, inside a header");
    }

    private static async Task<(long Offset, long Length, long Count, long Limit)> FindAsync(IByteSource archive, byte[] tail, CancellationToken cancellationToken)
    {
        for (int at = tail.Length - EndLength; at >= 0; at--)
        {
            ReadOnlySpan<byte> end = tail.AsSpan(at);
            bool isEnd = BinaryPrimitives.ReadUInt32LittleEndian(end) == 0x06054b50 && BinaryPrimitives.ReadUInt16LittleEndian(end[20..]) == end.Length - EndLength;
            if (!isEnd)
            {
                continue;
            }

            if (BinaryPrimitives.ReadUInt16LittleEndian(end[4..]) is not (0 or 0xFFFF))
            {
                throw Damaged(archive, "it is one part of a split archive; upload it as one file");
            }

            long position = archive.Length - tail.Length + at;
            bool is64 = at >= LocatorLength && BinaryPrimitives.ReadUInt32LittleEndian(tail.AsSpan(at - LocatorLength)) == 0x07064b50;
            return is64
                ? await Read64Async(archive, BinaryPrimitives.ReadInt64LittleEndian(tail.AsSpan(at - LocatorLength + 8)), position, cancellationToken)
                : (BinaryPrimitives.ReadUInt32LittleEndian(end[16..]), BinaryPrimitives.ReadUInt32LittleEndian(end[12..]), BinaryPrimitives.ReadUInt16LittleEndian(end[10..]), position);
        }

        throw Damaged(archive, "its directory is missing: it is cut short or no zip");
    }

    private static async Task<(long Offset, long Length, long Count, long Limit)> Read64Async(
        IByteSource archive, long offset, long limit, CancellationToken cancellationToken)
    {
        if (offset < 0 || offset > limit - End64Length)
        {
            throw Damaged(archive, $"its zip64 end record at {offset} does not lie inside it");
        }

        byte[] end = await ReadAtAsync(archive, offset, End64Length, cancellationToken);
        return BinaryPrimitives.ReadUInt32LittleEndian(end) == 0x06064b50
            ? (BinaryPrimitives.ReadInt64LittleEndian(end.AsSpan(48)), BinaryPrimitives.ReadInt64LittleEndian(end.AsSpan(40)), BinaryPrimitives.ReadInt64LittleEndian(end.AsSpan(32)), offset)
            : throw Damaged(archive, $"there is no zip64 end record at {offset}");
    }

    private static List<ZipRecord> Parse(IByteSource archive, ReadOnlyMemory<byte> directory, long count)
    {
        var records = new List<ZipRecord>();
        while (directory.Length > 0 && records.Count <= count)
        {
            if (directory.Length < 46 || BinaryPrimitives.ReadUInt32LittleEndian(directory.Span) != 0x02014b50)
            {
                throw Damaged(archive, $"record {records.Count} of its directory cannot be read");
            }

            ReadOnlySpan<byte> record = directory.Span;
            int nameLength = BinaryPrimitives.ReadUInt16LittleEndian(record[28..]);
            int extraLength = BinaryPrimitives.ReadUInt16LittleEndian(record[30..]);
            int total = 46 + nameLength + extraLength + BinaryPrimitives.ReadUInt16LittleEndian(record[32..]);
            if (total > directory.Length)
            {
                throw Damaged(archive, $"record {records.Count} of its directory is cut short");
            }

            records.Add(Record(archive, directory[..total], nameLength, extraLength));
            directory = directory[total..];
        }

        return records.Count == count && directory.Length == 0 ? records : throw Damaged(archive, $"its directory does not have the {count} records that it announces");
    }

    private static ZipRecord Record(IByteSource archive, ReadOnlyMemory<byte> memory, int nameLength, int extraLength)
    {
        ReadOnlySpan<byte> record = memory.Span;
        ReadOnlyMemory<byte> rawName = memory.Slice(46, nameLength);
        long compressed = BinaryPrimitives.ReadUInt32LittleEndian(record[20..]);
        long length = BinaryPrimitives.ReadUInt32LittleEndian(record[24..]);
        long offset = BinaryPrimitives.ReadUInt32LittleEndian(record[42..]);
        Read64(archive, record.Slice(46 + nameLength, extraLength), ref length, ref compressed, ref offset);
        bool isUnix = record[5] is 3 or 19;
        return new ZipRecord
        {
            // Names are UTF-8 by flag 11; without it they are of some code page, of which ASCII is the part all agree on. UTF-8 is what tools write anyway.
            Name = Encoding.UTF8.GetString(rawName.Span),
            RawName = rawName,
            Flags = BinaryPrimitives.ReadUInt16LittleEndian(record[8..]),
            Method = BinaryPrimitives.ReadUInt16LittleEndian(record[10..]),
            Crc32 = BinaryPrimitives.ReadUInt32LittleEndian(record[16..]),
            CompressedLength = compressed,
            Length = length,
            HeaderOffset = offset,
            Mode = isUnix ? (int)(BinaryPrimitives.ReadUInt32LittleEndian(record[38..]) >> 16) : 0,
        };
    }

    /// <summary>The zip64 extra field holds, in this order, those of the three numbers that did not fit into 32 bits.</summary>
    private static void Read64(IByteSource archive, ReadOnlySpan<byte> extra, ref long length, ref long compressed, ref long offset)
    {
        const uint absent = 0xFFFFFFFF;
        while (extra.Length >= 4)
        {
            int id = BinaryPrimitives.ReadUInt16LittleEndian(extra);
            int size = BinaryPrimitives.ReadUInt16LittleEndian(extra[2..]);
            if (size > extra.Length - 4)
            {
                return;
            }

            ReadOnlySpan<byte> field = extra.Slice(4, size);
            extra = extra[(4 + size)..];
            if (id != 1)
            {
                continue;
            }

            length = length == absent ? Take(archive, ref field) : length;
            compressed = compressed == absent ? Take(archive, ref field) : compressed;
            offset = offset == absent ? Take(archive, ref field) : offset;
            return;
        }
    }

    private static long Take(IByteSource archive, ref ReadOnlySpan<byte> field)
    {
        if (field.Length < 8 || BinaryPrimitives.ReadInt64LittleEndian(field) is var value && value < 0)
        {
            throw Damaged(archive, "a zip64 field of its directory cannot be read");
        }

        value = BinaryPrimitives.ReadInt64LittleEndian(field);
        field = field[8..];
        return value;
    }

    /// <summary>Entries that share bytes are how a small zip unfolds to petabytes.</summary>
    private static void CheckOverlaps(IByteSource archive, IReadOnlyList<ZipRecord> records, long directoryOffset)
    {
        long end = 0;
        foreach (ZipRecord record in records.OrderBy(record => record.HeaderOffset))
        {
            // 30: the least a local header takes.
            long least = 30L + record.RawName.Length;
            if (record.HeaderOffset < end || record.CompressedLength > directoryOffset - least || record.HeaderOffset > directoryOffset - least - record.CompressedLength)
            {
                throw new InvalidArchiveException(archive.Name, record.Name, "lies outside of the archive or upon another entry; the archive is damaged or malicious.");
            }

            end = record.HeaderOffset + least + record.CompressedLength;
        }
    }

    private static InvalidArchiveException Damaged(IByteSource archive, string problem) => new(archive.Name, null, problem + ".");
}
