using System.Buffers.Binary;

namespace AiModels.ModelPack.Compression;

/// <summary>
/// Finds where a zstd frame ends without expanding it (https://datatracker.ietf.org/doc/html/rfc8878#section-3.1.1), so that frames can be
/// cut out of a stream with bounded buffers. Only frames that declare their content size are accepted: the room is known before a byte is expanded.
/// </summary>
internal static class ZstdFrame
{
    private const uint Magic = 0xFD2FB528;

    // 18 bytes: magic 4, descriptor 1, window 1, dictionary 4, content size 8.
    public const int MaxHeaderLength = 18;

    /// <summary>
    /// Looks at the beginning of a frame. False when more bytes are needed. Throws <see cref="InvalidDataException"/> when this is no frame
    /// or it does not declare its content size.
    /// </summary>
    public static bool TryReadHeader(ReadOnlySpan<byte> bytes, out int headerLength, out ulong contentSize, out bool hasChecksum)
    {
        headerLength = 0;
        contentSize = 0;
        hasChecksum = false;
        if (bytes.Length < 5)
        {
            return false;
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes) != Magic)
        {
            throw new InvalidDataException("The chunk holds something that is not a zstd frame.");
        }

        byte descriptor = bytes[4];
        bool singleSegment = (descriptor & 0x20) != 0;
        if ((descriptor & 0x08) != 0)
        {
            throw new InvalidDataException("The zstd frame sets a reserved bit.");
        }

        int dictionaryLength = (descriptor & 3) switch { 0 => 0, 1 => 1, 2 => 2, _ => 4 };
        int sizeLength = (descriptor >> 6) switch { 0 => singleSegment ? 1 : 0, 1 => 2, 2 => 4, _ => 8 };
        if (sizeLength == 0 || dictionaryLength != 0)
        {
            throw new InvalidDataException("The zstd frame does not declare its content size, or needs a dictionary.");
        }

        int position = 5 + (singleSegment ? 0 : 1);
        if (bytes.Length < position + sizeLength)
        {
            return false;
        }

        ReadOnlySpan<byte> size = bytes[position..];
        contentSize = sizeLength switch
        {
            1 => size[0],
            2 => BinaryPrimitives.ReadUInt16LittleEndian(size) + 256ul,
            4 => BinaryPrimitives.ReadUInt32LittleEndian(size),
            _ => BinaryPrimitives.ReadUInt64LittleEndian(size),
        };
        headerLength = position + sizeLength;
        hasChecksum = (descriptor & 0x04) != 0;
        return true;
    }

    /// <summary>Reads the 3 bytes that open a block: how many bytes follow, and whether it is the last.</summary>
    public static int BlockLength(ReadOnlySpan<byte> header, out bool last)
    {
        int value = header[0] | (header[1] << 8) | (header[2] << 16);
        last = (value & 1) != 0;
        int size = value >> 3;
        return ((value >> 1) & 3) switch
        {
            0 or 2 => size,
            1 => 1,
            _ => throw new InvalidDataException("The zstd frame holds a block of a reserved type."),
        };
    }
}
