using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace AiModels.Controllers.Preparation.Sources.Hubs;

/// <summary>The digest that the hub promises for a file, computed while its bytes go by: SHA-256, or SHA-1 of the git blob for small files of Hugging Face.</summary>
internal sealed class HubDigest : IDisposable
{
    private readonly HubFile _file;
    private readonly IncrementalHash _hash;

    public HubDigest(HubFile file)
    {
        _file = file;
        if (file.Sha256 is not null)
        {
            _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            return;
        }

#pragma warning disable CA5350 // Git's object ids are SHA-1; it is what the hub promises for files outside LFS.
        _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
#pragma warning restore CA5350
        _hash.AppendData(Encoding.ASCII.GetBytes("blob " + file.Size.ToString(CultureInfo.InvariantCulture) + "\0"));
    }

    public void Append(ReadOnlySpan<byte> bytes) => _hash.AppendData(bytes);

    /// <summary>Null when the bytes are what was promised, else what is wrong.</summary>
    public string? Problem()
    {
        string actual = Convert.ToHexStringLower(_hash.GetHashAndReset());
        string expected = _file.Sha256 ?? _file.GitOid;
        return actual == expected ? null : $"{_file.Path} arrived with digest {actual} and {expected} is promised";
    }

    public void Dispose() => _hash.Dispose();
}
