using AiModels.ModelPack.Format;

namespace AiModels.Controllers.Preparation.Archives;

/// <summary>
/// The rules every entry of every archive must keep, in one place: paths that stay inside (<see cref="ModelPath"/>), files and folders only, no name twice,
/// and bounds on how many entries and bytes an archive may unfold to. One guard for one reading of one archive.
/// </summary>
internal sealed class ArchiveGuard(string archive, long archiveLength)
{
    // Hubs recommend fewer than 100,000 files in a repository.
    public const int EntryLimit = 100_000;

    // Characters of all paths, each as often as it has folders: what checking them against each other takes. Ten thousand usual names are a tenth of it.
    private const long NamesLimit = 12 << 20;

    // Real weights shrink by a few percent, text by a factor of ten: beyond a hundred it is a bomb. Small archives may do as they like.
    private const int RatioLimit = 100;
    private const long SmallEnough = 1L << 30;

    private readonly List<string> _paths = [];
    private int _entries;
    private long _names;
    private long _total;

    private long TotalLimit => archiveLength > long.MaxValue / RatioLimit ? long.MaxValue : Math.Max(SmallEnough, archiveLength * RatioLimit);

    /// <summary>Counts a folder, and checks its path too: it says where files would go.</summary>
    public void Folder(string rawPath)
    {
        CountEntry();
        string path = Normalize(rawPath);
        if (path.Length > 0)
        {
            CheckPath(rawPath, path);
        }
    }

    /// <summary>Checks and counts a file. Returns its normalised path.</summary>
    public string File(string rawPath, long length)
    {
        CountEntry();
        string path = Normalize(rawPath);
        CheckPath(rawPath, path);
        if (length < 0 || length > TotalLimit - _total)
        {
            throw new InvalidArchiveException(
                archive, rawPath, $"brings the unpacked size above {TotalLimit} bytes, {RatioLimit} times the archive's own {archiveLength}. Upload the files less compressed.");
        }

        _total += length;
        _paths.Add(path);
        return path;
    }

    /// <summary>An entry that is neither file nor folder.</summary>
    public InvalidArchiveException NotAFile(string rawPath, string whatItIs) =>
        new(archive, rawPath, $"is {whatItIs}; archives may hold files and folders only. Pack the file itself (tar --dereference --hard-dereference, zip without -y).");

    /// <summary>After the last entry: rules that concern all paths together.</summary>
    public void Finish()
    {
        if (_paths.Count == 0)
        {
            throw new InvalidArchiveException(archive, null, "it holds no files.");
        }

        if (ModelPath.SetProblem(_paths) is { } problem)
        {
            throw new InvalidArchiveException(archive, null, $"{problem}. Every file must have a name of its own.");
        }
    }

    /// <summary>Checks unpacked bytes against the same bound, for archives whose sizes are only known by unpacking.</summary>
    public void CheckUnpacked(long bytes)
    {
        // Headers and padding of the tar itself come on top of the files.
        if (bytes > TotalLimit + (EntryLimit * 2048L))
        {
            throw new InvalidArchiveException(archive, null, $"it unfolds to more than {TotalLimit} bytes, {RatioLimit} times its own {archiveLength}. Upload the files less compressed.");
        }
    }

    private static string Normalize(string rawPath)
    {
        string path = rawPath;
        while (path.StartsWith("./", StringComparison.Ordinal))
        {
            path = path[2..];
        }

        path = path.TrimEnd('/');
        return path == "." ? "" : path;
    }

    private void CheckPath(string rawPath, string path)
    {
        // Trimming must not turn an absolute path into nothing.
        string? problem = rawPath.StartsWith('/') ? ModelPath.Problem(rawPath) : ModelPath.Problem(path);
        if (problem is not null)
        {
            throw new InvalidArchiveException(archive, rawPath, $"has a path that {problem}. Entries must have relative paths that stay inside the archive.");
        }

        _names += (long)path.Length * (1 + path.AsSpan().Count('/'));
        if (_names > NamesLimit)
        {
            throw new InvalidArchiveException(archive, null, "the names of its entries are too many, too long or too deep to check. Pack only the files of the model.");
        }
    }

    private void CountEntry()
    {
        if (++_entries > EntryLimit) // also bounds what is remembered of them
        {
            throw new InvalidArchiveException(archive, null, $"it has more than {EntryLimit} entries.");
        }
    }
}
