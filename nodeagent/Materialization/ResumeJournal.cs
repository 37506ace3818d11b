using System.Globalization;
using System.Text;
using AiModels.ModelPack.Oci;

namespace AiModels.NodeAgent.Materialization;

/// <summary>
/// Which chunks of a model are written already, so that a killed materializer goes on where it was. Lines of text:
/// <code>
/// ai-models-journal 1 sha256:… BOOT-ID
/// 0 12          file 0, chunk 12 is written and verified
/// sync 95       everything in this journal's first 95 bytes is on the disk (chunks noted while that was made sure of are not meant)
/// </code>
/// A killed process loses nothing that the kernel has; a killed machine may. So after a reboot (another boot id, or another node on a shared claim) only what stands
/// before the last <c>sync</c>'s offset counts. The open file is a lock: a second materializer of the same target is refused.
/// </summary>
internal sealed class ResumeJournal : IDisposable
{
    // Bytes between two syncs: what a power failure can cost, against one flush of the disk's cache.
    public const long SyncInterval = 512L * 1024 * 1024;

    private const string Magic = "ai-models-journal 1";
    private const string BootIdFile = "/proc/sys/kernel/random/boot_id";

    private readonly FileStream _file;
    private readonly Lock _lock = new();
    private readonly HashSet<(int File, int Chunk)> _written = [];

    private ResumeJournal(FileStream file) => _file = file;

    /// <summary>Opens the journal of a target, or begins one. Throws <see cref="IOException"/> when another process has it.</summary>
    /// <param name="isUsable">False when the files it speaks of are gone: it begins anew.</param>
    public static ResumeJournal Open(string path, Digest digest, bool isUsable)
    {
        FileStream file = Lock(path);
        var journal = new ResumeJournal(file);
        try
        {
            string header = $"{Magic} {digest} {BootId()}";
            if (!isUsable || !journal.Load(digest, header))
            {
                journal.Begin(header);
            }

            return journal;
        }
        catch
        {
            journal.Dispose();
            throw;
        }
    }

    /// <summary>Takes the lock alone, whatever the journal says. Throws <see cref="IOException"/> when another process has it.</summary>
    public static FileStream Lock(string path)
    {
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
        }
        catch (IOException e) when (e.HResult == 11 /* EWOULDBLOCK of flock */ || e.Message.Contains("being used", StringComparison.Ordinal))
        {
            throw new IOException($"another process is materializing into the same target (it holds {path})", e);
        }
    }

    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _written.Count;
            }
        }
    }

    public bool Contains(int file, int chunk)
    {
        lock (_lock)
        {
            return _written.Contains((file, chunk));
        }
    }

    /// <summary>Notes a chunk that is written and verified.</summary>
    public void Add(int file, int chunk)
    {
        lock (_lock)
        {
            if (_written.Add((file, chunk)))
            {
                _file.Write(Encoding.ASCII.GetBytes($"{file} {chunk}\n"));
            }
        }
    }

    /// <summary>Makes all that is noted so far durable: <paramref name="flushFiles"/> first, then the mark that says so.</summary>
    public void MarkSynced(Action flushFiles)
    {
        long end;
        lock (_lock)
        {
            end = _file.Position;
        }

        flushFiles();
        lock (_lock)
        {
            _file.Write(Encoding.ASCII.GetBytes($"sync {end}\n"));
            _file.Flush(flushToDisk: true);
        }
    }

    public void Dispose() => _file.Dispose();

    private static string BootId() => File.Exists(BootIdFile) ? File.ReadAllText(BootIdFile).Trim() : "unknown";

    /// <summary>False when the journal is another artifact's, or damaged at its head.</summary>
    private bool Load(Digest digest, string header)
    {
        using var reader = new StreamReader(_file, Encoding.ASCII, detectEncodingFromByteOrderMarks: false, bufferSize: 64 * 1024, leaveOpen: true);
        string text = reader.ReadToEnd();
        string[] lines = text.Split('\n');
        if (!lines[0].StartsWith($"{Magic} {digest} ", StringComparison.Ordinal))
        {
            return false;
        }

        bool sameBoot = lines[0] == header && BootId() != "unknown";
        long durable = sameBoot ? long.MaxValue : SyncedTo(lines);
        long position = lines[0].Length + 1;
        for (int i = 1; i < lines.Length - 1; i++) // the piece after the last newline is a line cut short
        {
            position += lines[i].Length + 1;
            if (position <= durable)
            {
                Read(lines[i]);
            }
        }

        if (sameBoot)
        {
            _file.SetLength(position);
            _file.Position = position;
        }
        else
        {
            Begin(header); // what was loaded is durable, and the new journal says so
        }

        return true;
    }

    private void Read(string line)
    {
        string[] numbers = line.Split(' ');
        if (numbers.Length == 2
            && int.TryParse(numbers[0], NumberStyles.None, CultureInfo.InvariantCulture, out int file)
            && int.TryParse(numbers[1], NumberStyles.None, CultureInfo.InvariantCulture, out int chunk))
        {
            _written.Add((file, chunk));
        }
    }

    private static long SyncedTo(string[] lines)
    {
        string? mark = lines[..^1].LastOrDefault(line => line.StartsWith("sync ", StringComparison.Ordinal));
        return mark is not null && long.TryParse(mark.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out long position) ? position : 0;
    }

    /// <summary>Begins the file anew with what is known, all of it durable.</summary>
    private void Begin(string header)
    {
        var text = new StringBuilder(header).Append('\n');
        foreach ((int file, int chunk) in _written)
        {
            text.Append(CultureInfo.InvariantCulture, $"{file} {chunk}\n");
        }

        text.Append(CultureInfo.InvariantCulture, $"sync {text.Length}\n");
        _file.SetLength(0);
        _file.Position = 0;
        _file.Write(Encoding.ASCII.GetBytes(text.ToString()));
    }
}
