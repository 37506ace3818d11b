using AiModels.ModelPack;
using AiModels.ModelPack.Chunking;
using AiModels.ModelPack.Client;
using AiModels.ModelPack.Format;
using AiModels.ModelPack.Oci;

namespace AiModels.Controllers.Preparation.Pipeline;

/// <summary>
/// What an unfinished preparation has stored, written down in the model's own repository: a manifest like a model's whose files may still be short, under a
/// tag of its own. A preparation that was interrupted (another process, another node) reads it and goes on after the last committed chunk; chunks committed
/// after the last note are found by their digest when they are made again. Thread-safe.
/// </summary>
internal sealed class Checkpoint : IAsyncDisposable
{
    /// <summary>The tag in the model's repository.</summary>
    public const string Tag = "checkpoint";

    private const string ArtifactType = "application/vnd.deckhouse.ai-models.checkpoint.v1+json";

    // A note costs two requests and grows with the chunks: a quarter of a second at first, four seconds for a terabyte.
    private const int LeastMilliseconds = 250;
    private const int MostMilliseconds = 4000;

    private readonly PreparationContext _context;
    private readonly TimeProvider _time;
    private readonly ModelPackReader? _earlier;
    private readonly Dictionary<string, List<ChunkEntry>> _files;
    private readonly CancellationTokenSource _closed = new();
    private Task _trailing = Task.CompletedTask;
    private long _writtenAt;
    private int _isWriting;

    private Checkpoint(PreparationContext context, TimeProvider time, ModelPackReader? earlier)
    {
        _context = context;
        _time = time;
        _earlier = earlier;
        _files = (earlier?.Files ?? []).ToDictionary(file => file.Path, file => file.Chunks.ToList());

        // Long ago: the first chunk is noted at once.
        _writtenAt = time.GetTimestamp() - (MostMilliseconds * time.TimestampFrequency / 1000);
    }

    /// <summary>Reads what an earlier attempt left. A note that cannot be read is no note: everything is done again.</summary>
    public static async Task<Checkpoint> OpenAsync(PreparationContext context, TimeProvider time, CancellationToken cancellationToken)
    {
        ModelPackReader? earlier = null;
        try
        {
            earlier = await ModelPackReader.OpenAsync(context.Registry, context.Model.Repository, Tag, cancellationToken);
        }
        catch (Exception e) when (e is FileNotFoundException or FormatException)
        {
            // The first attempt, or notes in a form of another version.
        }

        return new Checkpoint(context, time, earlier);
    }

    /// <summary>Whether an earlier attempt left anything.</summary>
    public bool IsResumed => _files.Count > 0;

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
    public Stream OpenCommitted(string path) => _earlier!.OpenRead(_earlier.Files.First(file => file.Path == path));

    /// <summary>The file's bytes turned out to be others than the source promises: begin it anew.</summary>
    public async Task ForgetAsync(string path, CancellationToken cancellationToken)
    {
        lock (_files)
        {
            _files.Remove(path);
        }

        await _context.Registry.DeleteManifestAsync(_context.Model.Repository, Tag, cancellationToken);
    }

    /// <summary>Notes a chunk, and writes the note down when some time has passed.</summary>
    public async ValueTask CommitAsync(string path, ChunkEntry chunk, CancellationToken cancellationToken)
    {
        int noted;
        lock (_files)
        {
            if (!_files.TryGetValue(path, out List<ChunkEntry>? chunks))
            {
                _files[path] = chunks = [];
            }

            chunks.Add(chunk);
            noted = _files.Values.Sum(file => file.Count);
        }

        _context.Progress.Commit(path, chunk.Length, chunk.StoredLength);
        TimeSpan wait = TimeSpan.FromMilliseconds(Math.Clamp(noted / 2, LeastMilliseconds, MostMilliseconds)) - _time.GetElapsedTime(Volatile.Read(ref _writtenAt));
        if (wait <= TimeSpan.Zero)
        {
            await WriteAsync(cancellationToken);
        }
        else
        {
            ScheduleNote(wait);
        }
    }

    /// <summary>Ends the writing of notes; the last one stays.</summary>
    public async ValueTask DisposeAsync()
    {
        await _closed.CancelAsync();
        await _trailing;
        _closed.Dispose();
    }

    /// <summary>The next chunk may be long in coming: what is committed now is noted then all the same.</summary>
    private void ScheduleNote(TimeSpan wait)
    {
        lock (_files)
        {
            _trailing = _trailing.IsCompleted ? WriteLaterAsync(wait, _closed.Token) : _trailing;
        }
    }

    private async Task WriteLaterAsync(TimeSpan wait, CancellationToken cancellationToken)
    {
        try
        {
            await Task.Delay(wait, _time, cancellationToken);
            await WriteAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The preparation has ended.
        }
        catch (Exception e) when (e is RegistryException or HttpRequestException or TimeoutException or IOException)
        {
            // The registry is away: the next chunk fails by itself and says so; the note can wait.
        }
    }

    private async Task WriteAsync(CancellationToken cancellationToken)
    {
        // Somebody who is writing already will not have this chunk; the next note will.
        if (Interlocked.Exchange(ref _isWriting, 1) == 1)
        {
            return;
        }

        try
        {
            FileEntry[] files;
            lock (_files)
            {
                files = [.. _files.Select(file => new FileEntry { Path = file.Key, Chunks = [.. file.Value] })];
            }

            PackedManifest packed = ModelPackManifest.Build(files, new ModelDescription(), ArtifactType);
            await _context.Registry.PutBlobAsync(_context.Model.Repository, packed.ConfigDigest, new(packed.Config), cancellationToken);
            await _context.Registry.PutManifestAsync(_context.Model.Repository, Tag, MediaTypes.OciManifest, packed.Content, cancellationToken);
            Volatile.Write(ref _writtenAt, _time.GetTimestamp());
        }
        finally
        {
            Volatile.Write(ref _isWriting, 0);
        }
    }
}
