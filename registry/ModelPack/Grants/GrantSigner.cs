using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace AiModels.ModelPack.Grants;

/// <summary>Signs grants. Held by the API server alone. Thread-safe.</summary>
public sealed class GrantSigner : IDisposable
{
    private readonly ECDsa _key;
    private readonly Lock _signing = new();
    private readonly string _header;
    private readonly TimeProvider _time;

    private GrantSigner(ECDsa key, TimeProvider time)
    {
        _key = key;
        _time = time;
        KeyId = GrantKey.IdOf(key);
        _header = GrantToken.EncodeHeader(KeyId);
    }

    public string KeyId { get; }

    /// <summary>Opens the private key in a PEM file; makes one, readable by its owner alone, when the file is missing.</summary>
    public static GrantSigner Open(string keyFile, TimeProvider time)
    {
        if (!File.Exists(keyFile))
        {
            Create(keyFile);
        }

        return new GrantSigner(GrantKey.FromPem(File.ReadAllText(keyFile), keyFile), time);
    }

    /// <summary>A token for these accesses that ends after <paramref name="life"/>.</summary>
    public string Sign(string subject, IReadOnlyList<GrantAccess> access, TimeSpan life, out DateTimeOffset expiresAt)
    {
        // Whole seconds: that is what the token carries, and the answer must not promise more.
        DateTimeOffset now = DateTimeOffset.FromUnixTimeSeconds(_time.GetUtcNow().ToUnixTimeSeconds());
        expiresAt = now + life;
        return Sign(new Grant { Subject = subject, Access = access, IssuedAt = now, ExpiresAt = expiresAt, Id = Guid.NewGuid().ToString("N") });
    }

    /// <summary>Writes the public key into the folder a registry reads its keys from.</summary>
    public void PublishKey(string folder)
    {
        Directory.CreateDirectory(folder);
        string file = Path.Combine(folder, KeyId + ".pem");
        string temporary = file + ".tmp";
        File.WriteAllText(temporary, _key.ExportSubjectPublicKeyInfoPem() + "\n");
        File.Move(temporary, file, overwrite: true);
    }

    public void Dispose() => _key.Dispose();

    internal string Sign(Grant grant)
    {
        string signed = _header + "." + GrantToken.EncodeClaims(grant);
        byte[] signature;
        lock (_signing)
        {
            signature = _key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
        }

        return signed + "." + Base64Url.EncodeToString(signature);
    }

    private static void Create(string keyFile)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(keyFile))!);
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

        // Written beside and renamed: a crash leaves no half key, and it is never readable by others, not even for a moment.
        string temporary = $"{keyFile}.{Guid.NewGuid():N}.tmp";
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite };
        using (var file = new FileStream(temporary, options))
        {
            file.Write(Encoding.ASCII.GetBytes(key.ExportPkcs8PrivateKeyPem() + "\n"));
            file.Flush(flushToDisk: true);
        }

        try
        {
            File.Move(temporary, keyFile, overwrite: false);
        }
        catch (IOException) when (File.Exists(keyFile))
        {
            // Another process was faster; its key is the key.
            File.Delete(temporary);
        }
    }
}
