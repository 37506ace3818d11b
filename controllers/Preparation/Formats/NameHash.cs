using System.Buffers.Binary;
using System.Security.Cryptography;

namespace AiModels.Controllers.Preparation.Formats;

/// <summary>Half a SHA-256 of a tensor's name: sixteen bytes for a name of any length, so that a million names fit in little memory.</summary>
internal static class NameHash
{
    public static UInt128 Of(ReadOnlySpan<byte> utf8)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(utf8, hash);
        return BinaryPrimitives.ReadUInt128LittleEndian(hash);
    }
}
