using System.Security.Cryptography;
using AiModels.ModelPack.Oci;

namespace AiModels.Registry.Storage;

/// <summary>Digests of content that comes in pieces.</summary>
internal static class ContentHash
{
    public const string Sha256 = "sha256";
    public const string Sha512 = "sha512";

    /// <summary>A hash of the algorithm of a digest: sha256 or sha512.</summary>
    public static IncrementalHash Create(string algorithm) => IncrementalHash.CreateHash(algorithm switch
    {
        Sha256 => HashAlgorithmName.SHA256,
        Sha512 => HashAlgorithmName.SHA512,
        _ => throw new ArgumentException($"'{algorithm}' is no digest algorithm that is supported: want {Sha256} or {Sha512}.", nameof(algorithm)),
    });

    /// <summary>The digest of what was hashed so far.</summary>
    public static Digest Current(IncrementalHash hash) =>
        Digest.Parse($"{(hash.AlgorithmName == HashAlgorithmName.SHA512 ? Sha512 : Sha256)}:{Convert.ToHexStringLower(hash.GetCurrentHash())}");

    /// <summary>The digest of bytes in memory.</summary>
    public static Digest Of(string algorithm, ReadOnlySpan<byte> content)
    {
        using IncrementalHash hash = Create(algorithm);
        hash.AppendData(content);
        return Current(hash);
    }
}
