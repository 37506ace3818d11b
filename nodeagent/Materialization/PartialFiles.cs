using AiModels.ModelPack.Format;

namespace AiModels.NodeAgent.Materialization;

/// <summary>The files being written. Each is opened with its first chunk and closed, flushed, with its last, so that models of many files need few handles.</summary>
internal sealed class PartialFiles(string root, IReadOnlyList<FileEntry> files) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<int, OpenFile> _open = [];

    /// <summary>Creates the folders. Paths were checked when the manifest was read.</summary>
    public void CreateFolders()
    {
        foreach (string folder in files.Select(file => Path.GetDirectoryName(PathOf(file))!).Distinct())
        {
            Directory.CreateDirectory(folder);
        }
    }

    public string PathOf(FileEntry file) => Path.Combine(root, file.Path);

    /// <summary>Bytes that these files will take of the disk. A file that an earlier run began has its blocks (<see cref="DirectFile"/>).</summary>
    public long BytesWithoutRoom(IEnumerable<int> indexes) => indexes.Distinct()
        .Where(index => new FileInfo(PathOf(files[index])) is not { Exists: true } info || info.Length != files[index].Length)
        .Sum(index => files[index].Length);

    /// <summary>The file for a chunk's writer, who calls <see cref="Return"/> when done with it.</summary>
    /// <param name="chunks">How many chunks of this file are to be written in this run.</param>
    public DirectFile Rent(int index, int chunks)
    {
        lock (_lock)
        {
            if (!_open.TryGetValue(index, out OpenFile? open))
            {
                _open[index] = open = new OpenFile(new DirectFile(PathOf(files[index]), files[index].Length)) { Left = chunks };
            }

            return open.File;
        }
    }

    /// <summary>One chunk of the file is finished.</summary>
    public void Return(int index)
    {
        OpenFile open;
        lock (_lock)
        {
            open = _open[index];
            if (--open.Left > 0)
            {
                return;
            }

            _open.Remove(index);
        }

        open.File.Flush();
        open.File.Dispose();
    }

    /// <summary>Waits until the bytes of all files are on the disk. Writers go on meanwhile: a flush takes as long as dozens of chunks.</summary>
    public void Flush()
    {
        int[] held;
        lock (_lock)
        {
            held = [.. _open.Keys];
            foreach (int index in held)
            {
                _open[index].Left++;
            }
        }

        foreach (int index in held)
        {
            FlushHeld(index);
        }
    }

    private void FlushHeld(int index)
    {
        OpenFile open;
        lock (_lock)
        {
            open = _open[index];
        }

        try
        {
            open.File.Flush();
        }
        finally
        {
            Return(index);
        }
    }

    public void Dispose()
    {
        foreach (OpenFile open in _open.Values)
        {
            open.File.Dispose();
        }
    }

    private sealed class OpenFile(DirectFile file)
    {
        public DirectFile File { get; } = file;
        public int Left { get; set; }
    }
}
