using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace AiModels.ModelPack.Grants;

/// <summary>
/// Signs grants. Held by the API server alone. Thread-safe. Where it is given a folder, its <c>*.pem</c> are all published and the last in ordinal order of their names
/// signs, from <see cref="SettleTime"/> after it appeared: a key is rotated by adding a file (named by its date, for instance), and retired by removing the old one when the
/// last grant that it signed has ended.
/// </summary>
public sealed class GrantSigner : IDisposable
{
    /// <summary>How long a new key is only published. Two minutes: what a Secret or ConfigMap takes to reach every registry.</summary>
    public static readonly TimeSpan SettleTime = TimeSpan.FromMinutes(2);

    // As soon as the registry looks for new keys.
    private static readonly TimeSpan CheckEvery = TimeSpan.FromSeconds(5);

    private readonly Lock _signing = new();
    private readonly string _path;
    private readonly TimeProvider _time;
    private readonly HashSet<string> _publishedIn = new(StringComparer.Ordinal);
    private SigningKey[] _keys = [];
    private DateTimeOffset _checkedAt;

    private GrantSigner(string path, TimeProvider time)
    {
        (_path, _time) = (path, time);
        Load();
    }

    /// <summary>The key that signs now.</summary>
    public string KeyId
    {
        get
        {
            lock (_signing)
            {
                return Current().Id;
            }
        }
    }

    /// <summary>Opens the private key in a PEM file (made, readable by its owner alone, when it is missing), or the keys in a folder.</summary>
    /// <exception cref="CryptographicException">A file holds no key, or the folder no file.</exception>
    public static GrantSigner Open(string path, TimeProvider time)
    {
        if (!File.Exists(path) && !Directory.Exists(path))
        {
            Create(path);
        }

        return new GrantSigner(path, time);
    }

    /// <summary>A token for these accesses that ends after <paramref name="life"/>.</summary>
    public string Sign(string subject, IReadOnlyList<GrantAccess> access, TimeSpan life, out DateTimeOffset expiresAt)
    {
        // Whole seconds: that is what the token carries, and the answer must not promise more.
        DateTimeOffset now = DateTimeOffset.FromUnixTimeSeconds(_time.GetUtcNow().ToUnixTimeSeconds());
        expiresAt = now + life;
        return Sign(new Grant { Subject = subject, Access = access, IssuedAt = now, ExpiresAt = expiresAt, Id = Guid.NewGuid().ToString("N") });
    }

    /// <summary>Writes the public keys into the folder a registry reads its keys from, now and whenever one is added.</summary>
    public void PublishKey(string folder)
    {
        lock (_signing)
        {
            _publishedIn.Add(folder);
            Publish(folder);
        }
    }

    public void Dispose()
    {
        lock (_signing)
        {
            foreach (SigningKey key in _keys)
            {
                key.Key.Dispose();
            }

            _keys = [];
        }
    }

    internal string Sign(Grant grant)
    {
        string signed;
        byte[] signature;
        lock (_signing)
        {
            SigningKey current = Current();
            signed = current.Header + "." + GrantToken.EncodeClaims(grant);
            signature = current.Key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
        }

        return signed + "." + Base64Url.EncodeToString(signature);
    }

    /// <summary>The newest key that registries know by now; called under the lock.</summary>
    private SigningKey Current()
    {
        if (_time.GetUtcNow() - _checkedAt > CheckEvery)
        {
            Load();
        }

        DateTimeOffset settled = _time.GetUtcNow() - SettleTime;
        return _keys.LastOrDefault(key => key.Since <= settled) ?? _keys[0];
    }

    private void Load()
    {
        _checkedAt = _time.GetUtcNow();
        FileInfo[] files = Directory.Exists(_path) ? [.. new DirectoryInfo(_path).EnumerateFiles("*.pem").OrderBy(file => file.Name, StringComparer.Ordinal)] : [new FileInfo(_path)];
        if (files.Length == 0)
        {
            // While keys are being exchanged the folder may be empty for a moment; at the start it must not be.
            _ = _keys.Length > 0 ? 0 : throw new CryptographicException($"{_path} holds no *.pem: a folder of grant keys needs one at least");
            return;
        }

        if (files.Select(file => (file.FullName, file.LastWriteTimeUtc)).SequenceEqual(_keys.Select(key => (key.File, key.Written))))
        {
            return;
        }

        SigningKey[] old = _keys;
        _keys = [.. files.Select(SigningKey.Read)];
        foreach (SigningKey key in old)
        {
            key.Key.Dispose();
        }

        foreach (string folder in _publishedIn)
        {
            Publish(folder);
        }
    }

    private void Publish(string folder)
    {
        Directory.CreateDirectory(folder);
        foreach (SigningKey key in _keys)
        {
            string file = Path.Combine(folder, key.Id + ".pem");
            string temporary = file + ".tmp";
            File.WriteAllText(temporary, key.Key.ExportSubjectPublicKeyInfoPem() + "\n");
            File.Move(temporary, file, overwrite: true);
        }
    }

    /// <summary>One private key.</summary>
    private sealed record SigningKey(string File, DateTime Written, ECDsa Key, string Id, string Header)
    {
        public DateTimeOffset Since => new(Written, TimeSpan.Zero);

        public static SigningKey Read(FileInfo file)
        {
            ECDsa key = GrantKey.FromPem(System.IO.File.ReadAllText(file.FullName), file.FullName);
            string id = GrantKey.IdOf(key);
            return new SigningKey(file.FullName, file.LastWriteTimeUtc, key, id, GrantToken.EncodeHeader(id));
        }
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
