using System.Collections.Frozen;
using System.Security.Cryptography;

namespace AiModels.ModelPack.Grants;

/// <summary>
/// The public keys in a folder (<c>*.pem</c>), read again when the folder changes: a key is added by adding its file and revoked by removing it.
/// A file that holds no key is skipped and reported. Thread-safe.
/// </summary>
public sealed class GrantKeySet(string folder, TimeProvider time, Action<string>? onUnreadable = null)
{
    // 5 s: soon enough for a revocation, and a folder listing now and then costs nothing. An unknown key is looked for after 1 s,
    // so that a new key works at once while forged key names cannot make us read the disk all the time.
    private static readonly TimeSpan CheckEvery = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan CheckForUnknownEvery = TimeSpan.FromSeconds(1);

    private readonly Lock _reading = new();
    private volatile Snapshot _snapshot = new([], FrozenDictionary<string, PublicKey>.Empty, DateTimeOffset.MinValue, 0);

    /// <summary>Changes with the set of keys.</summary>
    public int Generation => Current(CheckEvery).Generation;

    /// <summary>Whether the signature over the data is this key's.</summary>
    internal bool TryVerify(string keyId, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature)
    {
        Snapshot snapshot = Current(CheckEvery);
        if (!snapshot.Keys.ContainsKey(keyId))
        {
            snapshot = Current(CheckForUnknownEvery);
        }

        return snapshot.Keys.TryGetValue(keyId, out PublicKey? key) && key.Verify(data, signature);
    }

    private Snapshot Current(TimeSpan maxAge)
    {
        if (time.GetUtcNow() - _snapshot.CheckedAt <= maxAge)
        {
            return _snapshot;
        }

        lock (_reading)
        {
            if (time.GetUtcNow() - _snapshot.CheckedAt > maxAge)
            {
                _snapshot = Read(_snapshot);
            }

            return _snapshot;
        }
    }

    private Snapshot Read(Snapshot old)
    {
        (string Path, long Length, DateTime Written)[] files = Directory.Exists(folder)
            ? [.. new DirectoryInfo(folder).EnumerateFiles("*.pem").Select(file => (file.FullName, file.Length, file.LastWriteTimeUtc)).Order()]
            : [];
        if (files.SequenceEqual(old.Files))
        {
            return old with { CheckedAt = time.GetUtcNow() };
        }

        var keys = new Dictionary<string, PublicKey>(StringComparer.Ordinal);
        foreach ((string path, _, _) in files)
        {
            try
            {
                var key = new PublicKey(GrantKey.FromPem(File.ReadAllText(path), path));
                keys[key.Id] = key;
            }
            catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
            {
                onUnreadable?.Invoke(e.Message);
            }
        }

        return new Snapshot(files, keys.ToFrozenDictionary(StringComparer.Ordinal), time.GetUtcNow(), old.Generation + 1);
    }

    private sealed record Snapshot((string Path, long Length, DateTime Written)[] Files, FrozenDictionary<string, PublicKey> Keys, DateTimeOffset CheckedAt, int Generation);

    /// <summary>A key object is not safe for concurrent use by contract, hence the lock; verifying takes some 60 microseconds.</summary>
    private sealed class PublicKey(ECDsa key)
    {
        private readonly Lock _verifying = new();

        public string Id { get; } = GrantKey.IdOf(key);

        public bool Verify(ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature)
        {
            lock (_verifying)
            {
                return key.VerifyData(data, signature, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
            }
        }
    }
}
