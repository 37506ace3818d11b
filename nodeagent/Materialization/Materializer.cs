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
    // A chunk that arrives damaged is fetched again; damage that stays is in the registry, and no number of tries helps.
    private const int TriesPerChunk = 3;

    /// <summary>
    /// Makes <paramref name="target"/> hold the artifact's files. Throws <see cref="IOException"/> for disk, registry and lock troubles,
    /// <see cref="FormatException"/> when the artifact is no model.
    /// </summary>
    public async Task RunAsync(string repository, Digest digest, string target, MaterializationProgress progress, CancellationToken cancellationToken)
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
                await WriteAsync(reader, paths, journal, progress, cancellationToken);
                Publish(paths);
                Log.Published(logger, digest, reader.Files.Count, reader.LogicalBytes, paths.Target);
            }

            File.Delete(paths.Journal); // while the lock is still held
        }
    }

    /// <summary>Publishing is atomic, so a folder that is there is whole; the sizes are looked at to notice one that somebody meddled with.</summary>
    private static bool IsFinished(string target, IReadOnlyList<FileEntry> files) => Directory.Exists(target)
        && files.All(file => new FileInfo(Path.Combine(target, file.Path)) is { Exists: true } info && info.Length == file.Length);

    private async Task WriteAsync(ModelPackReader reader, TargetPaths paths, ResumeJournal journal, MaterializationProgress progress, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(paths.Partial);
        using var files = new PartialFiles(paths.Partial, reader.Files);
        files.CreateFolders();
        Work[] work = [.. Missing(reader.Files, journal, progress)];
        CheckRoom(paths.Parent, work);
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
                progress.Add(item.Chunk.Length);
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
    private static void CheckRoom(string folder, Work[] work)
    {
        long needed = work.Sum(item => item.Chunk.Length);
        long available = new DriveInfo(folder).AvailableFreeSpace;
        if (needed > available)
        {
            throw new IOException($"{folder} has room for {available} bytes, and {needed} are still to be written");
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
