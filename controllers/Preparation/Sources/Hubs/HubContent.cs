using System.Collections.Concurrent;
using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Archives;
using AiModels.Controllers.Preparation.Formats;
using AiModels.Controllers.Preparation.Pipeline;
using AiModels.ModelPack.Chunking;
using AiModels.ModelPack.Format;

namespace AiModels.Controllers.Preparation.Sources.Hubs;

/// <summary>A hub's files, frozen. Headers are read by small ranges before anything is fetched; then file by file, several ranges at once.</summary>
/// <param name="open">Asks for the bytes of a file from an offset to an end; the answer is a range or the whole file.</param>
internal sealed class HubContent(
    Func<HubFile, long, long, CancellationToken, Task<HttpResponseMessage>> open, ResolvedSource resolved, IReadOnlyList<HubFile> files, TimeProvider time) : ISourceContent
{
    // Headers of safetensors have some hundred kilobytes; those of GGUF, with their tokenizers, some megabytes.
    private const int HeaderRange = 512 * 1024;

    // Requests at once: enough to fill a fast line, few enough for the hub's patience.
    private const int Parallel = 4;

    private readonly Dictionary<string, HubFile> _files = files.ToDictionary(file => file.Path);

    public ResolvedSource Resolved => resolved;

    public IReadOnlyList<SourceFile> Files { get; } = [.. files.Select(file => new SourceFile(file.Path, file.Size))];

    public string? PreferredFile { get; init; }

    public SourceCapabilities? Capabilities { get; init; }

    public async Task<IReadOnlyList<ModelFile>> InspectAsync(IReadOnlySet<string> paths, CancellationToken cancellationToken)
    {
        var inspected = new ConcurrentBag<ModelFile>();
        var options = new ParallelOptions { MaxDegreeOfParallelism = Parallel, CancellationToken = cancellationToken };
        await System.Threading.Tasks.Parallel.ForEachAsync(paths, options, async (path, cancellation) =>
        {
            inspected.Add(await FileInspector.InspectAsync(new Headers(this, _files[path]), cancellation));
        });
        return [.. inspected.OrderBy(file => file.Path, StringComparer.Ordinal)];
    }

    public async Task<IReadOnlyList<FileEntry>> StoreAsync(PreparationContext context, IReadOnlySet<string> paths, int chunkSize, CancellationToken cancellationToken)
    {
        await using Checkpoint checkpoint = await Checkpoint.OpenAsync(context, time, cancellationToken);
        if (checkpoint.IsResumed)
        {
            context.Progress.Enter("Pack", Reasons.PublicationResumed);
        }

        var stored = new List<FileEntry>();
        foreach (string path in paths.Order(StringComparer.Ordinal))
        {
            stored.Add(await StoreTwiceIfNeededAsync(context, checkpoint, _files[path], chunkSize, cancellationToken));
        }

        return stored;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>Bytes that are not what was promised may be a fault on the way: they are fetched once more before the model fails.</summary>
    private async Task<FileEntry> StoreTwiceIfNeededAsync(PreparationContext context, Checkpoint checkpoint, HubFile file, int chunkSize, CancellationToken cancellationToken)
    {
        try
        {
            return await StoreAsync(context, checkpoint, file, chunkSize, cancellationToken);
        }
        catch (InvalidModelFileException)
        {
            await checkpoint.ForgetAsync(file.Path, cancellationToken);
            context.Progress.Restart(file.Path);
            return await StoreAsync(context, checkpoint, file, chunkSize, cancellationToken);
        }
    }

    private async Task<FileEntry> StoreAsync(PreparationContext context, Checkpoint checkpoint, HubFile file, int chunkSize, CancellationToken cancellationToken)
    {
        using var digest = new HubDigest(file);
        IReadOnlyList<ChunkEntry> committed = checkpoint.CommittedOf(file.Path, file.Size, chunkSize);
        await TakeOverAsync(context, checkpoint, file, committed, digest, cancellationToken);

        long offset = committed.Count == 0 ? 0 : committed[^1].End;
        await using HubFileStream source = Open(file, offset, HubFileStream.TransferRange, Parallel);
        await using var verified = new VerifyingStream(source, digest, file.Path);
        if (committed.Count > 0 && offset == file.Size)
        {
            // Nothing is left to fetch; what is there must still be what was promised.
            await verified.CopyToAsync(Stream.Null, cancellationToken);
            return new FileEntry { Path = file.Path, Chunks = committed };
        }

        var options = new ChunkedFileWriterOptions
        {
            ChunkSize = chunkSize,
            Length = file.Size,
            Committed = committed,
            OnCommitted = (chunk, cancellation) => checkpoint.CommitAsync(file.Path, chunk, cancellation),
        };
        return await context.Writer.WriteFileAsync(file.Path, verified, options, cancellationToken);
    }

    /// <summary>What an earlier attempt stored is read from the registry and not from the hub, because the promised digest is over the whole file.</summary>
    private static async Task TakeOverAsync(
        PreparationContext context, Checkpoint checkpoint, HubFile file, IReadOnlyList<ChunkEntry> committed, HubDigest digest, CancellationToken cancellationToken)
    {
        if (committed.Count == 0)
        {
            return;
        }

        await using Stream stored = checkpoint.OpenCommitted(file.Path);
        byte[] buffer = new byte[128 * 1024];
        for (int read; (read = await stored.ReadAsync(buffer, cancellationToken)) > 0;)
        {
            digest.Append(buffer.AsSpan(0, read));
        }

        foreach (ChunkEntry chunk in committed)
        {
            context.Progress.Commit(file.Path, chunk.Length, chunk.StoredLength);
        }
    }

    /// <summary>A file to look into: small ranges, one at a time.</summary>
    private sealed class Headers(HubContent content, HubFile file) : IByteSource
    {
        public string Name => file.Path;

        public long Length => file.Size;

        public ValueTask<Stream> OpenAsync(long offset, CancellationToken cancellationToken) => new(content.Open(file, offset, HeaderRange, parallel: 1));
    }

    private HubFileStream Open(HubFile file, long offset, int rangeLength, int parallel) => new(
        (start, end, cancellation) => open(file, start, end, cancellation), offset, file.Size, rangeLength, parallel, time);
}
