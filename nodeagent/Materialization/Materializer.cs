using AiModels.ModelPack;
using AiModels.ModelPack.Chunking;
using AiModels.ModelPack.Client;
using AiModels.ModelPack.Format;
using AiModels.ModelPack.Oci;

namespace AiModels.NodeAgent.Materialization;

/// <summary>
/// Registry to verified files: chunks of all files in parallel into a folder beside the target, then one rename. Whoever sees the target sees the whole model.
/// Repeating it is cheap: a finished target is left alone, an unfinished one is gone on with.
/// </summary>
internal sealed partial class Materializer(RegistryClient client, int parallelism, ILogger logger)
{
    /// <summary>
    /// Three chunks a processor: one is hashed and expanded while another's bytes arrive and a third's are written. At most 16, which is 64 MiB of buffers; what a disk and a
    /// network card can do is reached before.
    /// </summary>
    public static readonly int DefaultParallelism = Math.Clamp(3 * Environment.ProcessorCount, 6, 16);

    // A chunk that arrives damaged is fetched again; damage that stays is in the registry, and no number of tries helps.
    private const int TriesPerChunk = 3;

    /// <summary>
    /// Makes <paramref name="target"/> hold the artifact's files, which it returns. Throws <see cref="IOException"/> for disk, registry and lock troubles,
    /// <see cref="FormatException"/> when the artifact is no model.
    /// </summary>
    public async Task<IReadOnlyList<FileEntry>> RunAsync(
        string repository, Digest digest, string target, ILocalFiles local, MaterializationProgress progress, CancellationToken cancellationToken)
    {
        ModelPackReader reader = await ModelPackReader.OpenAsync(client, repository, digest.ToString(), cancellationToken);
        progress.BytesExpected = reader.LogicalBytes;
        var paths = new TargetPaths(target);
        Directory.CreateDirectory(paths.Parent);
        using (ResumeJournal journal = ResumeJournal.Open(paths.Journal, digest, isUsable: Directory.Exists(paths.Partial)))
        {
            if (IsFinished(paths.Target, reader.Files))
            {
                progress.Add(reader.LogicalBytes);
                Log.AlreadyThere(logger, digest, paths.Target);
            }
            else
            {
                await WriteAsync(reader, paths, journal, local, progress, cancellationToken);
                Publish(paths);
                Log.Published(logger, digest, reader.Files.Count, reader.LogicalBytes, paths.Target);
            }

            File.Delete(paths.Journal); // while the lock is still held
        }

        return reader.Files;
    }

    /// <summary>Publishing is atomic, so a folder that is there is whole; the sizes are looked at to notice one that somebody meddled with.</summary>
    private static bool IsFinished(string target, IReadOnlyList<FileEntry> files) => Directory.Exists(target)
        && files.All(file => new FileInfo(Path.Combine(target, file.Path)) is { Exists: true } info && info.Length == file.Length);

    private async Task WriteAsync(
        ModelPackReader reader, TargetPaths paths, ResumeJournal journal, ILocalFiles local, MaterializationProgress progress, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(paths.Partial);
        using var files = new PartialFiles(paths.Partial, reader.Files);
        files.CreateFolders();
        HashSet<int> linked = Link(reader.Files, journal, files, local);
        progress.Add(linked.Sum(index => reader.Files[index].Length));
        Work[] work = [.. Missing(reader.Files, journal, progress).Where(item => !linked.Contains(item.File))];
        CheckRoom(paths.Parent, files.BytesWithoutRoom(work.Select(item => item.File)));
        if (journal.Count > 0)
        {
            Log.Resuming(logger, reader.Digest, progress.BytesDone, progress.BytesExpected);
        }

        var chunksOfFile = work.CountBy(item => item.File).ToDictionary();
        var syncs = new SyncMarks(files, journal);
        await Parallel.ForEachAsync(
            work,
            new ParallelOptions { MaxDegreeOfParallelism = parallelism, CancellationToken = cancellationToken },
            async (item, cancellation) =>
            {
                await CopyAsync(reader, files.Rent(item.File, chunksOfFile[item.File]), item.Chunk, cancellation);
                journal.Add(item.File, item.Chunk.Index);
                files.Return(item.File);
                progress.AddFetched(item.Chunk.Length);
                syncs.Wrote(item.Chunk.Length);
            });
    }

    private async Task CopyAsync(ModelPackReader reader, DirectFile file, ChunkEntry chunk, CancellationToken cancellationToken)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                await reader.CopyChunkAsync(chunk, file, new CopyOptions(), cancellationToken);
                return;
            }
            catch (ChunkCorruptException e) when (attempt < TriesPerChunk)
            {
                Log.Damaged(logger, chunk.StoredDigest, e.Message);
            }
        }
    }

    /// <summary>Files of which nothing was fetched yet and that can be had from this disk; their indexes.</summary>
    private static HashSet<int> Link(IReadOnlyList<FileEntry> entries, ResumeJournal journal, PartialFiles files, ILocalFiles local)
    {
        var linked = new HashSet<int>();
        for (int i = 0; i < entries.Count; i++)
        {
            FileEntry file = entries[i];
            if (file.Chunks.Any(chunk => journal.Contains(i, chunk.Index)))
            {
                continue;
            }

            // A link of an earlier run is another model's file too: it must not be written into.
            File.Delete(files.PathOf(file));
            if (file.Length > 0 && local.TryLink(file, files.PathOf(file)))
            {
                linked.Add(i);
            }
        }

        return linked;
    }

    /// <summary>The chunks that are not there yet, in the order of the files. Empty files are made here: they have no bytes to write.</summary>
    private static IEnumerable<Work> Missing(IReadOnlyList<FileEntry> files, ResumeJournal journal, MaterializationProgress progress)
    {
        for (int i = 0; i < files.Count; i++)
        {
            foreach (ChunkEntry chunk in files[i].Chunks)
            {
                if (!journal.Contains(i, chunk.Index))
                {
                    yield return new Work(i, chunk);
                }
                else
                {
                    progress.Add(chunk.Length);
                }
            }
        }
    }

    /// <summary>Tells a full disk before the first byte and not in the middle.</summary>
    private static void CheckRoom(string folder, long needed)
    {
        long available = new DriveInfo(folder).AvailableFreeSpace;
        if (needed > available)
        {
            throw DiskFull.Of($"{folder} has room for {available} bytes, and {needed} are needed");
        }
    }

    private static void Publish(TargetPaths paths)
    {
        ReadOnlyTree.Seal(paths.Partial);
        ReadOnlyTree.Remove(paths.Target);
        Directory.Move(paths.Partial, paths.Target);
        ReadOnlyTree.FlushFolder(paths.Parent);
    }

    private sealed record Work(int File, ChunkEntry Chunk);

    /// <summary>Every so many bytes, makes what is written durable and says so in the journal.</summary>
    private sealed class SyncMarks(PartialFiles files, ResumeJournal journal)
    {
        private long _unsynced;

        public void Wrote(long bytes)
        {
            if (Interlocked.Add(ref _unsynced, bytes) < ResumeJournal.SyncInterval)
            {
                return;
            }

            lock (this)
            {
                if (Interlocked.Read(ref _unsynced) >= ResumeJournal.SyncInterval)
                {
                    Interlocked.Exchange(ref _unsynced, 0);
                    journal.MarkSynced(files.Flush);
                }
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "{Digest}: {Files} files with {Bytes} bytes are at {Target}")]
        public static partial void Published(ILogger logger, Digest digest, int files, long bytes, string target);

        [LoggerMessage(2, LogLevel.Information, "{Digest} is at {Target} already")]
        public static partial void AlreadyThere(ILogger logger, Digest digest, string target);

        [LoggerMessage(3, LogLevel.Information, "{Digest}: going on after {Done} of {Expected} bytes")]
        public static partial void Resuming(ILogger logger, Digest digest, long done, long expected);

        [LoggerMessage(4, LogLevel.Warning, "Chunk {Digest} arrived damaged and is fetched again: {Reason}")]
        public static partial void Damaged(ILogger logger, Digest digest, string reason);
    }
}
