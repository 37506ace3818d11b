using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace AiModels.CsiDriver.Volumes;

/// <summary>
/// Remembers provisioned volumes, so that asking for a name twice is answered rightly also after a restart:
/// <code>
/// &lt;volume id&gt;.json     one a volume; the id is made from its name
/// empty/               what volumes without a model show
/// </code>
/// Nodes need nothing of it: the attributes come with the volume.
/// </summary>
internal sealed class VolumeStore(string folder)
{
    private const UnixFileMode ReadOnlyFolder =
        UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    private readonly Lock _lock = new();

    /// <summary>An empty, read-only folder. Made when it is first asked for.</summary>
    public string EmptyFolder => Directory.CreateDirectory(Path.Combine(folder, "empty"), ReadOnlyFolder).FullName;

    /// <summary>The volume of this name, made now if there is none.</summary>
    public VolumeRecord GetOrAdd(string name, long capacityBytes, IReadOnlyDictionary<string, string> attributes)
    {
        string id = "mdl-" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)))[..32];
        lock (_lock)
        {
            if (Find(id) is { } known)
            {
                return known;
            }

            var record = new VolumeRecord(name, id, capacityBytes, new SortedDictionary<string, string>(attributes.ToDictionary()));
            Directory.CreateDirectory(folder);
            string temporary = PathOf(id) + ".new";
            using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write))
            {
                JsonSerializer.Serialize(file, record);
                file.Flush(flushToDisk: true);
            }

            File.Move(temporary, PathOf(id), overwrite: true);
            return record;
        }
    }

    /// <summary>Null when there is no such volume.</summary>
    public VolumeRecord? Find(string id) => IsOurs(id) && File.Exists(PathOf(id)) ? JsonSerializer.Deserialize<VolumeRecord>(File.ReadAllBytes(PathOf(id))) : null;

    /// <summary>Forgets a volume. One that is not there is a success.</summary>
    public void Remove(string id)
    {
        lock (_lock)
        {
            if (Find(id) is not null)
            {
                File.Delete(PathOf(id));
            }
        }
    }

    // Ids come from outside and become file names.
    private static bool IsOurs(string id) => id.StartsWith("mdl-", StringComparison.Ordinal) && id.Skip(4).All(char.IsAsciiHexDigitLower);

    private string PathOf(string id) => Path.Combine(folder, id + ".json");
}
