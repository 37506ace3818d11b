using System.Collections.Concurrent;
using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Archives;
using AiModels.Controllers.Preparation.Formats;
using AiModels.Controllers.Preparation.Pipeline;
using AiModels.ModelPack.Format;

namespace AiModels.Controllers.Preparation.Sources.Hubs;

/// <summary>
/// A hub's files, frozen. Headers are read by small ranges before anything is fetched; then several files at once, each by several ranges at once, as far as the
/// budget goes that all models share.
/// </summary>
/// <param name="locate">Makes the address of a file; the hub is not asked before the first byte is wanted.</param>
internal sealed class HubContent(Func<HubFile, HubAddress> locate, ResolvedSource resolved, IReadOnlyList<HubFile> files, HubTransfer transfer) : ISourceContent
{
    // Headers of safetensors have some hundred kilobytes; those of GGUF, with their tokenizers, some megabytes.
    private const int HeaderRange = 512 * 1024;

    // Files of one model at once. What really bounds them is the budget; this bounds how many small ones are begun.
    private const int FilesAtOnce = 8;

    private readonly Dictionary<string, HubFile> _files = files.ToDictionary(file => file.Path);
    private readonly ConcurrentDictionary<string, HubAddress> _addresses = [];
    private readonly ConcurrentDictionary<string, IReadOnlyList<HeaderMark>> _marks = [];

    public ResolvedSource Resolved => resolved;

    public IReadOnlyList<SourceFile> Files { get; } = [.. files.Select(file => new SourceFile(file.Path, file.Size))];

    public string? PreferredFile { get; init; }

    public SourceCapabilities? Capabilities { get; init; }

    public IReadOnlyList<string> Implied { get; init; } = [];

    /// <summary>What the hub says to people while its files are fetched.</summary>
    public HubNotices Noted { get; init; } = new();

    public IReadOnlyList<string> Notices => Noted.All;

    public IReadOnlyDictionary<string, string> LeftBehind { get; init; } = new Dictionary<string, string>();

    public Stream? OpenRange(string path, long offset) => _files.TryGetValue(path, out HubFile? file)
        ? HubFileStream.OpenHeader(AddressOf(file), file, offset, TransferBudget.RangeLength, transfer)
        : null;

    public async Task<IReadOnlyList<ModelFile>> InspectAsync(IReadOnlySet<string> paths, CancellationToken cancellationToken)
    {
        var inspector = new FileInspector();
        var inspected = new ConcurrentBag<ModelFile>();
        var options = new ParallelOptions { MaxDegreeOfParallelism = FilesAtOnce, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(paths, options, async (path, cancellation) =>
        {
            HubFile file = _files[path];
            inspected.Add(await TwiceIfNeededAsync(file, () => InspectAsync(inspector, file, cancellation)));
        });
        return [.. inspected.OrderBy(file => file.Path, StringComparer.Ordinal)];
    }

    public async Task<IReadOnlyList<FileEntry>> StoreAsync(PreparationContext context, IReadOnlySet<string> paths, int chunkSize, CancellationToken cancellationToken)
    {
        await using Checkpoint checkpoint = await Checkpoint.OpenAsync(context, transfer.Time, cancellationToken);
        if (checkpoint.IsResumed)
        {
            context.Progress.Enter("Pack", Reasons.PublicationResumed);
        }

        // The largest first, so that the end is not one long file alone.
        HubFile[] order = [.. paths.Select(path => _files[path]).OrderByDescending(file => file.Size).ThenBy(file => file.Path, StringComparer.Ordinal)];
        foreach (HubFile file in order)
        {
            context.Progress.Resume(file.Path, checkpoint.CommittedOf(file.Path, file.Size, chunkSize));
        }

        var stored = new ConcurrentBag<FileEntry>();
        var options = new ParallelOptions { MaxDegreeOfParallelism = FilesAtOnce, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(order, options, async (file, cancellation) =>
        {
            using IDisposable room = await transfer.Budget.AdmitFileAsync(context.Model.Uid, file.Size, chunkSize, cancellation);
            var storing = new HubFileStore(context, checkpoint, file, chunkSize);
            stored.Add(await TwiceIfNeededAsync(
                file,
                () => storing.StoreAsync(offset => HubFileStream.OpenAll(AddressOf(file), file, offset, transfer), _marks.GetValueOrDefault(file.Path, []), cancellation),
                () => storing.ForgetAsync(cancellation)));
        });
        await checkpoint.FlushAsync(cancellationToken);
        return [.. stored];
    }

    public ValueTask DisposeAsync()
    {
        foreach (HubAddress address in _addresses.Values)
        {
            address.Dispose();
        }

        return ValueTask.CompletedTask;
    }

    private HubTransfer Transfer => transfer;

    private HubAddress AddressOf(HubFile file) => _addresses.GetOrAdd(file.Path, _ => locate(file));

    private async Task<ModelFile> InspectAsync(FileInspector inspector, HubFile file, CancellationToken cancellationToken)
    {
        var headers = new Headers(this, file);
        ModelFile inspected = await inspector.InspectAsync(headers, cancellationToken);
        _marks[file.Path] = headers.Marks;
        return inspected;
    }

    /// <summary>Bytes that are not what they must be may be a fault on the way: they are fetched once more, from a new address, before the model fails.</summary>
    private async Task<T> TwiceIfNeededAsync<T>(HubFile file, Func<Task<T>> work, Func<Task>? beforeSecond = null)
    {
        try
        {
            return await work();
        }
        catch (InvalidModelFileException)
        {
            if (_addresses.TryRemove(file.Path, out HubAddress? doubtful))
            {
                doubtful.Dispose();
            }

            if (beforeSecond is not null)
            {
                await beforeSecond();
            }

            return await work();
        }
    }

    /// <summary>A file to look into: small ranges, one at a time, and what was seen of it is remembered.</summary>
    private sealed class Headers(HubContent content, HubFile file) : IByteSource
    {
        private readonly List<HeaderMarkStream> _opened = [];

        public string Name => file.Path;

        public long Length => file.Size;

        public IReadOnlyList<HeaderMark> Marks => [.. _opened.Select(stream => stream.Mark)];

        public ValueTask<Stream> OpenAsync(long offset, CancellationToken cancellationToken)
        {
            var stream = new HeaderMarkStream(HubFileStream.OpenHeader(content.AddressOf(file), file, offset, HeaderRange, content.Transfer), offset);
            _opened.Add(stream);
            return new(stream);
        }
    }
}
