using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Archives;
using AiModels.Controllers.Preparation.Formats;
using AiModels.Controllers.Preparation.Pipeline;
using AiModels.ModelPack.Format;

namespace AiModels.Controllers.Preparation.Sources.Upload;

/// <summary>An uploaded GGUF file: its chunks are in the model's repository in their final form, so that storing it is a matter of naming it.</summary>
internal sealed class GgufUpload(ReceivedFile file, string path, ResolvedSource resolved) : ISourceContent
{
    public ResolvedSource Resolved => resolved;

    public IReadOnlyList<SourceFile> Files { get; } = [new SourceFile(path, file.Length)];

    public string? PreferredFile => null;

    /// <summary>None: the chunks are there, and only get another name.</summary>
    public SourceRoom Room(IReadOnlySet<string> paths) => new(0, IncludesStored: false);

    public async Task<IReadOnlyList<ModelFile>> InspectAsync(IReadOnlySet<string> paths, CancellationToken cancellationToken)
    {
        // Under the name it will have, whatever it was uploaded as.
        var entry = new ArchiveEntry(path, file.Length, Stream.Null) { OpenAt = file.OpenAsync };
        return [await new FileInspector().InspectAsync(new EntrySource(entry), cancellationToken)];
    }

    public Task<IReadOnlyList<FileEntry>> StoreAsync(PreparationContext context, IReadOnlySet<string> paths, int chunkSize, CancellationToken cancellationToken)
    {
        context.Progress.Resume(path, file.Entry.Chunks);
        return Task.FromResult<IReadOnlyList<FileEntry>>([file.Entry with { Path = path }]);
    }

    public ValueTask DisposeAsync() => file.DisposeAsync();
}
