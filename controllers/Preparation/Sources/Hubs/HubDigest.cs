using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace AiModels.Controllers.Preparation.Sources.Hubs;

/// <summary>
/// The digest that the hub promises for a file, computed while its bytes go by: SHA-256, or SHA-1 of the git blob for small files of Hugging Face.
/// </summary>
internal sealed class HubDigest : IDisposable
{
    private readonly HubFile _file;
    private readonly IncrementalHash _hash;
    private readonly List<(HeaderMark Mark, IncrementalHash Hash)> _marks;
    private long _position;

    public HubDigest(HubFile file, IEnumerable<HeaderMark>? marks = null)
    {
        _file = file;
        _marks = [.. (marks ?? []).Where(mark => mark.Length > 0).Select(mark => (mark, IncrementalHash.CreateHash(HashAlgorithmName.SHA256)))];
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

    /// <summary>Throws <see cref="HubException"/> when a part of the file is not what was seen of it before: it must be looked at again.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        _hash.AppendData(bytes);
        for (int i = _marks.Count - 1; i >= 0; i--)
        {
            if (Compare(_marks[i].Mark, _marks[i].Hash, bytes))
            {
                _marks[i].Hash.Dispose();
                _marks.RemoveAt(i);
            }
        }

        _position += bytes.Length;
    }

    /// <summary>Null when the bytes are what was promised, else what is wrong.</summary>
    public string? Problem()
    {
        string actual = Convert.ToHexStringLower(_hash.GetHashAndReset());
        string expected = _file.Sha256 ?? _file.GitOid;
        return actual == expected ? null : $"{_file.Path} arrived with digest {actual} and {expected} is promised";
    }

    public void Dispose()
    {
        _hash.Dispose();
        _marks.ForEach(entry => entry.Hash.Dispose());
    }

    /// <summary>Whether the mark is behind; then it was right.</summary>
    private bool Compare(HeaderMark mark, IncrementalHash hash, ReadOnlySpan<byte> bytes)
    {
        long start = Math.Max(mark.Offset - _position, 0);
        long end = Math.Min(mark.Offset + mark.Length - _position, bytes.Length);
        if (start < end)
        {
            hash.AppendData(bytes[(int)start..(int)end]);
        }

        if (mark.Offset + mark.Length > _position + bytes.Length)
        {
            return false;
        }

        return hash.GetHashAndReset().AsSpan().SequenceEqual(mark.Sha256)
            ? true
            : throw new HubException(
                $"A part of {_file.Path} arrived twice and not the same both times. The source or the way to it is damaged.", HttpStatusCode.ServiceUnavailable);
    }
}
