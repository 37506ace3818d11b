using System.Text;

namespace AiModels.Hosting.Mounts;

/// <summary>The mounts of this process's mount namespace, in the order they were made (proc(5), /proc/self/mountinfo).</summary>
public sealed class MountTable(IReadOnlyList<MountEntry> entries)
{
    public const string DefaultPath = "/proc/self/mountinfo";

    public static MountTable Read(string path = DefaultPath) => new([.. File.ReadLines(path).Select(MountEntry.Parse)]);

    /// <summary>All of them.</summary>
    public IReadOnlyList<MountEntry> Entries => entries;

    /// <summary>The topmost mount exactly on a path that has no symbolic links.</summary>
    public MountEntry? On(string path) => entries.LastOrDefault(entry => entry.MountPoint == path);

    /// <summary>
    /// Where a folder lives: its file system, and its path inside of it. Two paths with equal places show the same folder, which is how a bind mount is recognised.
    /// </summary>
    public (string Device, string Root) PlaceOf(string path)
    {
        MountEntry mount = entries.Where(entry => Contains(entry.MountPoint, path)).MaxBy(entry => entry.MountPoint.Length)
            ?? throw new IOException($"no mount holds {path}");
        mount = On(mount.MountPoint)!;
        string below = path.Length == mount.MountPoint.Length ? "" : path[(mount.MountPoint == "/" ? 0 : mount.MountPoint.Length)..];
        return (mount.Device, below.Length == 0 ? mount.Root : mount.Root == "/" ? below : mount.Root + below);
    }

    private static bool Contains(string mountPoint, string path) =>
        mountPoint == "/" || path == mountPoint || (path.StartsWith(mountPoint, StringComparison.Ordinal) && path[mountPoint.Length] == '/');
}

/// <summary>One line of mountinfo.</summary>
/// <param name="Device">major:minor of the file system.</param>
/// <param name="Root">The folder of that file system that is shown.</param>
/// <param name="Options">Options of this mount, for instance ro,relatime.</param>
public sealed record MountEntry(string Device, string Root, string MountPoint, IReadOnlyList<string> Options)
{
    public bool IsReadOnly => Options.Contains("ro");

    /// <summary>id parent major:minor root mountpoint options …</summary>
    public static MountEntry Parse(string line)
    {
        string[] fields = line.Split(' ');
        return fields.Length >= 6
            ? new MountEntry(fields[2], Unescape(fields[3]), Unescape(fields[4]), fields[5].Split(','))
            : throw new IOException($"'{line}' is not a line of mountinfo");
    }

    /// <summary>Blanks, tabs, newlines and backslashes are written as octal: \040.</summary>
    private static string Unescape(string text)
    {
        if (!text.Contains('\\'))
        {
            return text;
        }

        var bytes = new List<byte>();
        byte[] source = Encoding.UTF8.GetBytes(text);
        for (int i = 0; i < source.Length; i++)
        {
            if (source[i] == '\\' && i + 3 < source.Length)
            {
                bytes.Add((byte)(((source[i + 1] - '0') << 6) | ((source[i + 2] - '0') << 3) | (source[i + 3] - '0')));
                i += 3;
            }
            else
            {
                bytes.Add(source[i]);
            }
        }

        return Encoding.UTF8.GetString([.. bytes]);
    }
}
