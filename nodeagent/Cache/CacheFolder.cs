using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AiModels.NodeAgent.Authorization;
using AiModels.NodeAgent.Materialization;

namespace AiModels.NodeAgent.Cache;

/// <summary>
/// The cache on disk, and the only file that builds its paths:
/// <code>
/// models/&lt;hex&gt;             a complete model, read-only (Materialization/TargetPaths.cs draws what stands beside it while it is written)
/// index/&lt;hex&gt;.json         whose it is, its size, when it was last used: written before the first byte
/// leases/&lt;id&gt;.json         a volume that has it mounted
/// </code>
/// Small files are replaced by rename, so that a crash leaves the old or the new one.
/// </summary>
internal sealed class CacheFolder
{
    private readonly string _models;
    private readonly string _index;
    private readonly string _leases;

    public CacheFolder(string root)
    {
        _models = Directory.CreateDirectory(Path.Combine(root, "models")).FullName;
        _index = Directory.CreateDirectory(Path.Combine(root, "index")).FullName;
        _leases = Directory.CreateDirectory(Path.Combine(root, "leases")).FullName;
    }

    public string ModelPath(string digest) => Path.Combine(_models, Hex(digest));

    public bool IsComplete(string digest) => Directory.Exists(ModelPath(digest));

    public IEnumerable<IndexRecord> Index() => Read<IndexRecord>(_index);

    public IEnumerable<Lease> Leases() => Read<Lease>(_leases);

    public void Write(IndexRecord record) => Replace(IndexPath(record.Model.Digest), record);

    public void Write(Lease lease) => Replace(LeasePath(lease.VolumeId), lease);

    public void RemoveLease(string volumeId) => File.Delete(LeasePath(volumeId));

    /// <summary>Removes a model with all that belongs to it. The index goes last: while it is there, a restart knows what to clean.</summary>
    public void RemoveModel(string digest)
    {
        var paths = new TargetPaths(ModelPath(digest));
        ReadOnlyTree.Remove(paths.Target);
        ReadOnlyTree.Remove(paths.Partial);
        File.Delete(paths.Journal);
        File.Delete(IndexPath(digest));
    }

    /// <summary>Removes folders and journals that no index speaks of: left by a crash between two steps.</summary>
    public void RemoveStrays(IEnumerable<string> digests)
    {
        var known = digests.Select(Hex).ToHashSet();
        foreach (string entry in Directory.EnumerateFileSystemEntries(_models))
        {
            string hex = Path.GetFileName(entry).TrimStart('.').Split('.')[0];
            if (known.Contains(hex))
            {
                continue;
            }

            if (Directory.Exists(entry))
            {
                ReadOnlyTree.Remove(entry);
            }
            else
            {
                File.Delete(entry);
            }
        }
    }

    private static string Hex(string digest) => digest[(digest.IndexOf(':') + 1)..];

    private string IndexPath(string digest) => Path.Combine(_index, Hex(digest) + ".json");

    // Volume ids are chosen by others: their hash is a safe file name.
    private string LeasePath(string volumeId) => Path.Combine(_leases, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(volumeId))) + ".json");

    private static IEnumerable<T> Read<T>(string folder) => Directory.EnumerateFiles(folder, "*.json")
        .Select(path => JsonSerializer.Deserialize<T>(File.ReadAllBytes(path)) ?? throw new IOException($"{path} is empty"));

    private static void Replace<T>(string path, T value)
    {
        string temporary = path + ".new";
        using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write))
        {
            JsonSerializer.Serialize(file, value);
            file.Flush(flushToDisk: true);
        }

        File.Move(temporary, path, overwrite: true);
        ReadOnlyTree.FlushFolder(Path.GetDirectoryName(path)!);
    }
}

/// <summary>What the index keeps of a model.</summary>
internal sealed record IndexRecord(AuthorizedModel Model, DateTimeOffset LastUsed);

/// <summary>A volume that has a model mounted: it protects the model from eviction.</summary>
internal sealed record Lease(string VolumeId, string Digest, string PodNamespace, string PodName, string PodUid);
