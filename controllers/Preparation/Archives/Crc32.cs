using System.Buffers.Binary;

namespace AiModels.Controllers.Preparation.Archives;

/// <summary>CRC-32 as zip and gzip use it (polynomial 0xEDB88320), eight bytes at a time. A value: adding bytes gives a new one.</summary>
internal readonly struct Crc32
{
    private static readonly uint[][] Tables = MakeTables();

    private readonly uint _state;

    private Crc32(uint state) => _state = state;

    /// <summary>Of no bytes.</summary>
    public static Crc32 Start { get; } = new(0xFFFFFFFF);

    public uint Value => ~_state;

    public Crc32 Add(ReadOnlySpan<byte> bytes)
    {
        uint crc = _state;
        while (bytes.Length >= 8)
        {
            uint low = BinaryPrimitives.ReadUInt32LittleEndian(bytes) ^ crc;
            uint high = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
            crc = Tables[7][low & 0xFF] ^ Tables[6][(low >> 8) & 0xFF] ^ Tables[5][(low >> 16) & 0xFF] ^ Tables[4][low >> 24]
                ^ Tables[3][high & 0xFF] ^ Tables[2][(high >> 8) & 0xFF] ^ Tables[1][(high >> 16) & 0xFF] ^ Tables[0][high >> 24];
            bytes = bytes[8..];
        }

        foreach (byte b in bytes)
        {
            crc = (crc >> 8) ^ Tables[0][(crc ^ b) & 0xFF];
        }

        return new Crc32(crc);
    }

    private static uint[][] MakeTables()
    {
        uint[][] tables = [.. Enumerable.Range(0, 8).Select(_ => new uint[256])];
        for (uint i = 0; i < 256; i++)
        {
            uint crc = i;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xEDB88320 : crc >> 1;
            }

            tables[0][i] = crc;
        }

        for (int t = 1; t < 8; t++)
        {
            for (int i = 0; i < 256; i++)
            {
                tables[t][i] = (tables[t - 1][i] >> 8) ^ tables[0][tables[t - 1][i] & 0xFF];
            }
        }

        return tables;
    }
}
