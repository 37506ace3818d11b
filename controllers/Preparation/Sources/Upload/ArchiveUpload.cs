using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Archives;
using AiModels.Controllers.Preparation.Formats;
using AiModels.Controllers.Preparation.Pipeline;
using AiModels.ModelPack.Chunking;
using AiModels.ModelPack.Format;

namespace AiModels.Controllers.Preparation.Sources.Upload;

/// <summary>
/// An uploaded archive. It is read twice: once to learn names, sizes and headers, so that nothing of a bad archive is ever stored, and once to store the
/// files that are kept. Both times as a stream.
/// </summary>
internal sealed class ArchiveUpload : ISourceContent
{
    // Of an archive with so many bad files, none of which may matter, no more are remembered.
    private const int BrokenLimit = 1000;

    private readonly IByteSource _file;
    private readonly IArchiveReader _reader;
    private readonly TimeProvider _time;
    private readonly long _storedLength;
    private readonly string _root;
    private readonly IReadOnlyDictionary<string, Inspection> _inspected;

    private ArchiveUpload(
        IByteSource file, long storedLength, IArchiveReader reader, TimeProvider time, ResolvedSource resolved, string root, IReadOnlyDictionary<string, Inspection> inspected)
    {
        _file = file;
        _storedLength = storedLength;
        _reader = reader;
        _time = time;
        _root = root;
        _inspected = inspected;
        Resolved = resolved;
        Files = [.. inspected.Values.Select(entry => entry.File)];
    }

    public ResolvedSource Resolved { get; }

    public IReadOnlyList<SourceFile> Files { get; }

    public string? PreferredFile => null;

    /// <summary>The first reading.</summary>
    /// <param name="file">Disposed with the content if it can be.</param>
    /// <param name="storedLength">Bytes that it takes in the registry.</param>
    public static async Task<ArchiveUpload> OpenAsync(
        IByteSource file, long storedLength, IArchiveReader reader, ResolvedSource resolved, TimeProvider time, CancellationToken cancellationToken)
    {
        var inspector = new FileInspector();
        var inspected = new List<Inspection>();
        int broken = 0;
        await foreach (ArchiveEntry entry in reader.ReadAsync(file, cancellationToken))
        {
            Inspection inspection = await InspectAsync(inspector, entry, cancellationToken);
            inspected.Add(inspection);
            if (inspection.Error is not null && ++broken > BrokenLimit)
            {
                throw inspection.Error;
            }
        }

        string root = ArchiveRoot.Of(inspected.Select(entry => entry.File));
        IEnumerable<Inspection> rooted = inspected.Where(entry => entry.File.Path.StartsWith(root, StringComparison.Ordinal)).Select(entry => entry.Below(root));
        return new ArchiveUpload(file, storedLength, reader, time, resolved, root, rooted.ToDictionary(entry => entry.File.Path));
    }

    /// <summary>The archive stays beside its files until they are sealed.</summary>
    public SourceRoom Room(IReadOnlySet<string> paths) => new(
        _storedLength + Files.Where(file => paths.Contains(file.Path)).Sum(file => file.Length), IncludesStored: true);

    public Task<IReadOnlyList<ModelFile>> InspectAsync(IReadOnlySet<string> paths, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<ModelFile>>([.. paths.Order(StringComparer.Ordinal).Select(path => _inspected[path].Result())]);

    /// <summary>The second reading.</summary>
    public async Task<IReadOnlyList<FileEntry>> StoreAsync(PreparationContext context, IReadOnlySet<string> paths, int chunkSize, CancellationToken cancellationToken)
    {
        await using Checkpoint checkpoint = await Checkpoint.OpenAsync(context, _time, cancellationToken);
        if (checkpoint.IsResumed)
        {
            context.Progress.Enter("Pack", Reasons.PublicationResumed);
        }

        var stored = new List<FileEntry>();
        await foreach (ArchiveEntry entry in _reader.ReadAsync(_file, cancellationToken))
        {
            string path = entry.Path.StartsWith(_root, StringComparison.Ordinal) ? entry.Path[_root.Length..] : "";
            if (paths.Contains(path))
            {
                stored.Add(await StoreAsync(context, checkpoint, path, entry, chunkSize, cancellationToken));
            }
        }

        await checkpoint.FlushAsync(cancellationToken);
        return stored;
    }

    public ValueTask DisposeAsync() => _file is IAsyncDisposable owned ? owned.DisposeAsync() : ValueTask.CompletedTask;

    private static async Task<FileEntry> StoreAsync(
        PreparationContext context, Checkpoint checkpoint, string path, ArchiveEntry entry, int chunkSize, CancellationToken cancellationToken)
    {
        IReadOnlyList<ChunkEntry> committed = checkpoint.CommittedOf(path, entry.Length, chunkSize);
        context.Progress.Resume(path, committed);
        long done = committed.Count == 0 ? 0 : committed[^1].End;
        if (committed.Count > 0 && done == entry.Length)
        {
            return new FileEntry { Path = path, Chunks = committed };
        }

        await StreamSkip.SkipAsync(entry.Content, done, cancellationToken);
        var options = new ChunkedFileWriterOptions
        {
            ChunkSize = chunkSize,
            Length = entry.Length,
            Committed = committed,
            OnCommitted = (chunk, cancellation) =>
            {
                context.Progress.Receive(path, chunk.Length);
                return checkpoint.CommitAsync(path, chunk, cancellation);
            },
        };
        return await context.Writer.WriteFileAsync(path, entry.Content, options, cancellationToken);
    }

    private static async Task<Inspection> InspectAsync(FileInspector inspector, ArchiveEntry entry, CancellationToken cancellationToken)
    {
        var file = new SourceFile(entry.Path, entry.Length);
        try
        {
            IByteSource source = FileInspector.NeedsSeeking(file) && entry.OpenAt is null ? await EntryEnds.ReadAsync(entry, cancellationToken) : new EntrySource(entry);
            ModelFile inspected = await inspector.InspectAsync(source, cancellationToken);
            return new Inspection(file with { IsGgufByContent = inspected.Gguf is not null }, inspected, null);
        }
        catch (InvalidModelFileException e)
        {
            // Only a file that is kept must be sound, and which are kept is not known before all names are.
            return new Inspection(file, null, e);
        }
    }

    private sealed record Inspection(SourceFile File, ModelFile? Model, InvalidModelFileException? Error)
    {
        public Inspection Below(string root) => this with
        {
            File = File with { Path = File.Path[root.Length..] },
            Model = Model is null ? null : Model with { Path = Model.Path[root.Length..] },
        };

        public ModelFile Result() => Error is null ? Model! : throw Error;
    }
}
