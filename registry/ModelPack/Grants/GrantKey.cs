using System.Security.Cryptography;

namespace AiModels.ModelPack.Grants;

/// <summary>Keys of grants: ECDSA on P-256.</summary>
public static class GrantKey
{
    // 16 hex digits: enough to tell a handful of keys apart; it is a name and not a check.
    private const int IdLength = 16;

    private const string P256 = "1.2.840.10045.3.1.7";

    /// <summary>The name of a key in a token's header: the beginning of the SHA-256 over the public key (SubjectPublicKeyInfo).</summary>
    public static string IdOf(ECDsa key) => Convert.ToHexStringLower(SHA256.HashData(key.ExportSubjectPublicKeyInfo()))[..IdLength];

    /// <summary>Reads a PEM file's key. Throws <see cref="CryptographicException"/> that names the file.</summary>
    internal static ECDsa FromPem(string pem, string file)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(pem);
            if (key.ExportParameters(includePrivateParameters: false).Curve.Oid.Value != P256)
            {
                throw new CryptographicException("the key is not on the curve P-256");
            }

            return key;
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            key.Dispose();
            throw new CryptographicException($"{file} holds no key for grants: {e.Message}", e);
        }
    }
}
