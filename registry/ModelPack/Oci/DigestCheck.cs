using System.Security.Cryptography;

namespace AiModels.ModelPack.Oci;

/// <summary>Compares content with a digest of either algorithm.</summary>
public static class DigestCheck
{
    /// <summary>Whether the bytes have this digest.</summary>
    public static bool Matches(Digest digest, ReadOnlySpan<byte> content)
    {
        byte[] hash = digest.Algorithm == "sha512" ? SHA512.HashData(content) : SHA256.HashData(content);
        return digest.Hex == Convert.ToHexStringLower(hash);
    }

    /// <summary>Begins a hash of the digest's algorithm.</summary>
    public static IncrementalHash Begin(Digest digest) => IncrementalHash.CreateHash(digest.Algorithm == "sha512" ? HashAlgorithmName.SHA512 : HashAlgorithmName.SHA256);

    /// <summary>Whether the finished hash is this digest. The hash can be used again afterwards.</summary>
    public static bool Matches(Digest digest, IncrementalHash hash)
    {
        Span<byte> value = stackalloc byte[SHA512.HashSizeInBytes];
        int length = hash.GetHashAndReset(value);
        return digest.Hex == Convert.ToHexStringLower(value[..length]);
    }
}
