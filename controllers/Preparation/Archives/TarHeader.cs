using System.Buffers.Binary;
using System.Text;

namespace AiModels.Controllers.Preparation.Archives;

/// <summary>One 512-byte header block of a tar archive (POSIX.1-2017 pax, section "ustar Interchange Format"; GNU's variations).</summary>
internal readonly record struct TarHeader(string Name, long Size, char Type, string LinkName)
{
    public const int BlockSize = 512;

    /// <summary>Whether the block ends the archive.</summary>
    public static bool IsEnd(ReadOnlySpan<byte> block) => !block.ContainsAnyExcept((byte)0);

    /// <summary>Null when the block is no header: its checksum is wrong or a number is none.</summary>
    public static TarHeader? Parse(ReadOnlySpan<byte> block)
    {
        if (block.Length < BlockSize || Number(block.Slice(148, 8)) is not { } checksum || !ChecksumMatches(block, checksum) || Number(block.Slice(124, 12)) is not { } size)
        {
            return null;
        }

        string name = Text(block[..100]);
        bool isPosix = block.Slice(257, 6).SequenceEqual("ustar\0"u8);
        string prefix = isPosix ? Text(block.Slice(345, 155)) : "";
        char type = block[156] == 0 ? '0' : (char)block[156];

        // Before ustar a folder was a file whose name ends with a slash.
        type = type == '0' && name.EndsWith('/') ? '5' : type;
        return new TarHeader(prefix.Length > 0 ? $"{prefix}/{name}" : name, size, type, Text(block.Slice(157, 100)));
    }

    public static string Text(ReadOnlySpan<byte> field)
    {
        int end = field.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? field : field[..end]);
    }

    private static bool ChecksumMatches(ReadOnlySpan<byte> block, long expected)
    {
        // The field itself counts as spaces. Old tars summed signed bytes.
        long unsigned = 0;
        long signed = 0;
        for (int i = 0; i < BlockSize; i++)
        {
            byte value = i is >= 148 and < 156 ? (byte)' ' : block[i];
            unsigned += value;
            signed += (sbyte)value;
        }

        return expected == unsigned || expected == signed;
    }

    private static long? Number(ReadOnlySpan<byte> field)
    {
        if ((field[0] & 0x80) != 0)
        {
            // GNU: big-endian binary with the first bit set; the last eight bytes are more than any size needs.
            return field.Length > 8 && field[0] == 0x80 && !field[1..^8].ContainsAnyExcept((byte)0) && BinaryPrimitives.ReadInt64BigEndian(field[^8..]) is var value and >= 0
                ? value
                : null;
        }

        long number = 0;
        bool hasDigits = false;
        foreach (byte c in field.TrimStart((byte)' '))
        {
            if (c is 0 or (byte)' ')
            {
                break;
            }

            if (c is < (byte)'0' or > (byte)'7')
            {
                return null;
            }

            number = (number << 3) | (uint)(c - '0');
            hasDigits = true;
        }

        return hasDigits || !field.ContainsAnyExcept((byte)0, (byte)' ') ? number : null;
    }
}
