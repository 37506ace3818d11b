using System.Net;
using AiModels.ModelPack;
using AiModels.ModelPack.Chunking;
using AiModels.ModelPack.Client;
using AiModels.ModelPack.Format;
using AiModels.ModelPack.Oci;

namespace AiModels.Controllers.Preparation.Pipeline;

/// <summary>
/// What an unfinished preparation has stored, written down in the model's own repository: a manifest like a model's whose files may still be short, under a
/// tag of its own. A preparation that was interrupted (another process, another node) reads it and goes on after the last committed chunk. A chunk is committed,
/// and counted as progress, once such a note holds it; one that was stored after the last note is found by its digest when it is made again. Thread-safe.
/// </summary>
internal sealed class Checkpoint : IAsyncDisposable
{
    /// <summary>The tag in the model's repository.</summary>
    public const string Tag = "checkpoint";

    private const string ArtifactType = "application/vnd.deckhouse.ai-models.checkpoint.v1+json";

    // A note costs two requests and grows with the chunks: a quarter of a second at first, four seconds for a terabyte.
    private const int LeastMilliseconds = 250;
    private const int MostMilliseconds = 4000;

    // The end of the process is not held up for longer by a registry that does not answer.
    private static readonly TimeSpan LastNoteTimeout = TimeSpan.FromSeconds(5);

    private readonly PreparationContext _context;
    private readonly TimeProvider _time;
    private readonly ModelPackReader? _earlier;
    private readonly Dictionary<string, List<ChunkEntry>> _files;
    private readonly List<(string Path, ChunkEntry Chunk)> _unnoted = [];
    private readonly SemaphoreSlim _writing = new(1);
    private readonly CancellationTokenSource _closed = new();
    private Task _notes = Task.CompletedTask;
    private bool _isFirst = true;

    private Checkpoint(PreparationContext context, TimeProvider time, ModelPackReader? earlier, IReadOnlySet<string> lost)
    {
        _context = context;
        _time = time;
        _earlier = earlier;
        _files = (earlier?.Files ?? [])
            .Select(file => (file.Path, Chunks: file.Chunks.TakeWhile(chunk => !lost.Contains(chunk.StoredDigest.ToString())).ToList()))
            .Where(file => file.Chunks.Count > 0)
            .ToDictionary(file => file.Path, file => file.Chunks);
        IsResumed = _files.Count > 0;
    }

    /// <summary>
    /// Reads what an earlier attempt left. Notes that cannot be read, that have rotted, or that are of another revision of the source, are none: everything is
    /// done again. Of a file with a chunk that has rotted counts what lies before that chunk.
    /// </summary>
    public static async Task<Checkpoint> OpenAsync(PreparationContext context, TimeProvider time, CancellationToken cancellationToken)
    {
        ModelPackReader? earlier = null;
        try
        {
            earlier = await ModelPackReader.OpenAsync(context.Registry, context.Model.Repository, Tag, cancellationToken);
        }
        catch (Exception e) when (e is FileNotFoundException or FormatException or RegistryException { Status: HttpStatusCode.NotFound })
        {
            // The first attempt, or notes in a form of another version, or notes that the registry has lost.
        }

        if (earlier?.Config.Description.Revision != Revision(context))
        {
            earlier = null;
        }

        IReadOnlyList<LostContent> lost = earlier is null ? [] : await context.Registry.Integrity.LostAsync(context.Model.Repository, cancellationToken);
        return new Checkpoint(context, time, earlier, lost.Select(content => content.Digest).ToHashSet());
    }

    /// <summary>Whether an earlier attempt left anything.</summary>
    public bool IsResumed { get; }

    /// <summary>Chunks of a file that are stored and can be the beginning of a file cut this way; others are of another cut and worth nothing.</summary>
    public IReadOnlyList<ChunkEntry> CommittedOf(string path, long length, int chunkSize)
    {
        lock (_files)
        {
            if (!_files.TryGetValue(path, out List<ChunkEntry>? chunks))
            {
                return [];
            }

            bool fits = chunks[^1].End <= length && chunks.All(chunk => chunk.Length == chunkSize || chunk.End == length);
            if (!fits)
            {
                _files.Remove(path);
            }

            return fits ? [.. chunks] : [];
        }
    }

    /// <summary>The bytes that an earlier attempt has stored of a file, verified chunk by chunk.</summary>
    public Stream OpenCommitted(string path, IReadOnlyList<ChunkEntry> committed) => _earlier!.OpenRead(new FileEntry { Path = path, Chunks = committed });

    /// <summary>The file's bytes turned out to be others than the source promises: begin it anew.</summary>
    public async Task ForgetAsync(string path, CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken);
        try
        {
            bool isEmpty;
            lock (_files)
            {
                _files.Remove(path);
                _unnoted.RemoveAll(entry => entry.Path == path);
                isEmpty = _files.Count == 0;
            }

            if (isEmpty)
            {
                await _context.Registry.DeleteManifestAsync(_context.Model.Repository, Tag, cancellationToken);
            }
            else
            {
                await WriteAsync(cancellationToken);
            }
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>Takes a stored chunk into the next note, which is written soon and beside the transfer.</summary>
    public ValueTask CommitAsync(string path, ChunkEntry chunk, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_files)
        {
            if (!_files.TryGetValue(path, out List<ChunkEntry>? chunks))
            {
                _files[path] = chunks = [];
            }

            chunks.Add(chunk);
            _unnoted.Add((path, chunk));
            _notes = _notes.IsCompleted ? NoteAsync(_closed.Token) : _notes;
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>Writes down what is not noted yet.</summary>
    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken);
        try
        {
            bool isUpToDate;
            lock (_files)
            {
                isUpToDate = _unnoted.Count == 0;
            }

            if (!isUpToDate)
            {
                await WriteAsync(cancellationToken);
            }
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>Ends the writing of notes with a last one: a process that ends in order loses nothing.</summary>
    public async ValueTask DisposeAsync()
    {
        await _closed.CancelAsync();
        await _notes;
        using var patience = new CancellationTokenSource(LastNoteTimeout, _time);
        try
        {
            await FlushAsync(patience.Token);
        }
        catch (Exception e) when (IsRegistryAway(e))
        {
            // The chunks are stored all the same, and found when they are made again.
        }

        _closed.Dispose();
        _writing.Dispose();
    }

    private static string? Revision(PreparationContext context) => context.Content?.Resolved.ResolvedRevision;

    /// <summary>Writes notes until nothing is left to note: the first at once, and then no more often than they are worth.</summary>
    private async Task NoteAsync(CancellationToken cancellationToken)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            for (bool isMore = true; isMore;)
            {
                TimeSpan rest = Rest();
                await Task.Delay(rest, _time, cancellationToken);
                await FlushAsync(cancellationToken);
                lock (_files)
                {
                    isMore = _unnoted.Count > 0;
                    _notes = isMore ? _notes : Task.CompletedTask;
                }
            }
        }
        catch (Exception e) when (IsRegistryAway(e))
        {
            // The registry is away: the next chunk fails by itself and says so; or the preparation has ended.
        }
    }

    private TimeSpan Rest()
    {
        lock (_files)
        {
            bool isFirst = _isFirst;
            _isFirst = false;
            return isFirst ? TimeSpan.Zero : TimeSpan.FromMilliseconds(Math.Clamp(_files.Values.Sum(file => file.Count) / 2, LeastMilliseconds, MostMilliseconds));
        }
    }

    private static bool IsRegistryAway(Exception e) => e is RegistryException or HttpRequestException or TimeoutException or IOException or OperationCanceledException;

    /// <summary>Called by whoever holds <see cref="_writing"/>.</summary>
    private async Task WriteAsync(CancellationToken cancellationToken)
    {
        FileEntry[] files;
        int noted;
        lock (_files)
        {
            files = [.. _files.Select(file => new FileEntry { Path = file.Key, Chunks = [.. file.Value] })];
            noted = _unnoted.Count;
        }

        PackedManifest packed = ModelPackManifest.Build(files, new ModelDescription { Revision = Revision(_context) }, ArtifactType);
        await _context.Registry.PutBlobAsync(_context.Model.Repository, packed.ConfigDigest, new(packed.Config), cancellationToken);
        await _context.Registry.PutManifestAsync(_context.Model.Repository, Tag, MediaTypes.OciManifest, packed.Content, cancellationToken);
        lock (_files)
        {
            foreach ((string path, ChunkEntry chunk) in _unnoted.Take(noted))
            {
                _context.Progress.Commit(path, chunk.Length, chunk.StoredLength);
            }

            _unnoted.RemoveRange(0, noted);
        }
    }
}
