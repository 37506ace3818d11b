using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AiModels.NodeAgent.Authorization;
using AiModels.NodeAgent.Materialization;

namespace AiModels.NodeAgent.Cache;

/// <summary>
/// The cache on disk, and the only file that builds its paths:
/// <code>
/// models/&lt;hex&gt;             a complete model, read-only (Materialization/TargetPaths.cs draws what stands beside it while it is written);
///                          files of equal content in several models are one file with several names
/// models/.damaged-…         a model whose bytes were not its digest's, until nothing mounts it
/// index/&lt;hex&gt;.json         whose it is, its size, when it was last used: written before the first byte
/// leases/&lt;id&gt;.json         a volume that has it mounted
/// </code>
/// Small files are replaced by rename, so that a crash leaves the old or the new one. Leases do not wait for the disk: a killed agent finds them in the kernel's memory, and a
/// killed machine has no mount that one could speak for.
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

    /// <summary>The folder with a folder a model.</summary>
    public string Models => _models;

    /// <summary>Size and free bytes of the disk that the cache is on.</summary>
    public DriveInfo Disk => new(_models);

    public string ModelPath(string digest) => Path.Combine(_models, Hex(digest));

    public bool IsComplete(string digest) => Directory.Exists(ModelPath(digest));

    /// <summary>A quick look at a model's files: names and sizes. Bytes are the scrubber's business.</summary>
    public bool LooksWhole(string digest, IEnumerable<CachedFile> files) => IsComplete(digest) && files.All(file =>
        new FileInfo(Path.Combine(ModelPath(digest), file.Path)) is { Exists: true } info && info.Length == file.Length);

    /// <summary>Takes a damaged model out of the way. What has it mounted keeps what it has; the folder goes when nothing does (<see cref="RemoveStrays"/>).</summary>
    public void SetAside(string digest, DateTimeOffset now)
    {
        if (IsComplete(digest))
        {
            Directory.Move(ModelPath(digest), Path.Combine(_models, string.Create(CultureInfo.InvariantCulture, $"{AsidePrefix}{now.ToUnixTimeMilliseconds()}-{Hex(digest)}")));
        }
    }

    /// <summary>Bytes of all that was set aside and is still there. A file that a whole model shares counts here too: better too much than above the limit.</summary>
    public long AsideBytes => Directory.GetDirectories(_models, AsidePrefix + "*")
        .Sum(folder => new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length));

    public IEnumerable<IndexRecord> Index() => Read<IndexRecord>(_index);

    public IEnumerable<Lease> Leases() => Read<Lease>(_leases);

    public void Write(IndexRecord record) => Replace(IndexPath(record.Model.Digest), record, isDurable: true);

    public void Write(Lease lease) => Replace(LeasePath(lease.VolumeId), lease, isDurable: false);

    public void RemoveLease(string volumeId) => File.Delete(LeasePath(volumeId));

    /// <summary>Removes a model with all that belongs to it. The index goes first: a restart in between finds strays to clean, and not a model to fetch again.</summary>
    public void RemoveModel(string digest)
    {
        var paths = new TargetPaths(ModelPath(digest));
        File.Delete(IndexPath(digest));
        ReadOnlyTree.FlushFolder(_index);
        ReadOnlyTree.Remove(paths.Target);
        ReadOnlyTree.Remove(paths.Partial);
        File.Delete(paths.Journal);
    }

    /// <summary>Removes folders and journals that no index speaks of: left by a crash between two steps, or set aside.</summary>
    /// <param name="digests">What the index speaks of.</param>
    /// <param name="mountedFolders">Names of folders that must stay because something shows them.</param>
    public void RemoveStrays(IEnumerable<string> digests, IReadOnlySet<string> mountedFolders)
    {
        var known = digests.Select(Hex).ToHashSet();
        foreach (string entry in Directory.GetFileSystemEntries(_models))
        {
            string name = Path.GetFileName(entry);
            if (known.Contains(name.TrimStart('.').Split('.')[0]) || mountedFolders.Contains(name))
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

    // Begins with a dot and ends with no digest before its first dot: never taken for a model.
    private const string AsidePrefix = ".damaged-";

    private static string Hex(string digest) => digest[(digest.IndexOf(':') + 1)..];

    private string IndexPath(string digest) => Path.Combine(_index, Hex(digest) + ".json");

    // Volume ids are chosen by others: their hash is a safe file name.
    private string LeasePath(string volumeId) => Path.Combine(_leases, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(volumeId))) + ".json");

    /// <summary>Damaged files are removed: a model without an index is fetched again, a lease that cannot be read is found in the mount table.</summary>
    private static IEnumerable<T> Read<T>(string folder)
        where T : class
    {
        foreach (string path in Directory.GetFiles(folder, "*.json"))
        {
            T? value = null;
            try
            {
                value = JsonSerializer.Deserialize<T>(File.ReadAllBytes(path));
            }
            catch (JsonException)
            {
                File.Delete(path);
            }

            if (value is not null)
            {
                yield return value;
            }
        }
    }

    private static void Replace<T>(string path, T value, bool isDurable)
    {
        string temporary = path + ".new";
        try
        {
            using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write))
            {
                JsonSerializer.Serialize(file, value);
                file.Flush(flushToDisk: isDurable);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch (IOException)
        {
            File.Delete(temporary); // on a full disk every block counts
            throw;
        }

        if (isDurable)
        {
            ReadOnlyTree.FlushFolder(Path.GetDirectoryName(path)!);
        }
    }
}

/// <summary>What the index keeps of a model.</summary>
internal sealed record IndexRecord(AuthorizedModel Model, DateTimeOffset LastUsed)
{
    /// <summary>Names of all models with this digest that asked.</summary>
    public IReadOnlyList<string> Models { get; init; } = [];

    /// <summary>Null while it is being fetched.</summary>
    public IReadOnlyList<CachedFile>? Files { get; init; }

    public bool IsPinned { get; init; }

    public DateTimeOffset? VerifiedAt { get; init; }
}

/// <summary>A volume that has a model mounted: it protects the model from eviction. The Pod's namespace and name are empty when it was found in the mount table.</summary>
internal sealed record Lease(string VolumeId, string Digest, string PodNamespace, string PodName, string PodUid);
