using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Archives;
using AiModels.Controllers.Preparation.Formats.Gguf;
using AiModels.Controllers.Preparation.Pipeline;
using AiModels.Controllers.Uploads;
using AiModels.ModelPack;
using AiModels.ModelPack.Format;

namespace AiModels.Controllers.Preparation.Sources.Upload;

/// <summary>A file that a user has uploaded: a GGUF file, or an archive (requirement P3). The receiver has left it in the model's own repository.</summary>
internal sealed class UploadSource(UploadSessions sessions, IEnumerable<IArchiveReader> archives, TimeProvider time) : IModelSource
{
    // As much as any signature needs.
    private const int StartLength = 512;

    public string Name => SourceTypes.Upload;

    public bool Handles(ClusterModelSource source) => source.Upload is not null;

    public async Task<StageOutcome> ResolveAsync(PreparationContext context, CancellationToken cancellationToken)
    {
        UploadSessionStatus? session = await sessions.FindAsync(context.Model, cancellationToken);
        if (session?.ReceivedDigest is not { } digest)
        {
            return StageOutcome.Retry(Reasons.PublicationFailed, "The upload is not complete yet.");
        }

        ModelPackReader reader = await ModelPackReader.OpenAsync(context.Registry, context.Model.Repository, digest, cancellationToken);
        if (reader.Files is not [FileEntry received])
        {
            return StageOutcome.Failed(Reasons.PublicationFailed, $"The received upload has {reader.Files.Count} files; one is expected.");
        }

        string name = session.FileName ?? received.Path;
        var file = new ReceivedFile(name, reader, received);
        var resolved = new ResolvedSource { ResolvedType = SourceTypes.Upload, ResolvedRevision = digest };
        try
        {
            context.Content = await OpenAsync(file, name, resolved, cancellationToken);
        }
        finally
        {
            if (context.Content is null)
            {
                await file.DisposeAsync();
            }
        }

        return context.Content is not null ? StageOutcome.Done : StageOutcome.Failed(Reasons.UnsupportedSource, Explain(file, name));
    }

    /// <summary>By content. The name only matters where it contradicts.</summary>
    private async Task<ISourceContent?> OpenAsync(ReceivedFile file, string name, ResolvedSource resolved, CancellationToken cancellationToken)
    {
        byte[] start = await ReadStartAsync(file, cancellationToken);
        if (GgufHeaderReader.HasMagic(start))
        {
            return new GgufUpload(file, GgufPath(name), resolved);
        }

        return archives.FirstOrDefault(archive => archive.HasSignature(start)) is { } archive
            ? await ArchiveUpload.OpenAsync(file, file.Entry.Chunks.Sum(chunk => chunk.StoredLength), archive, resolved, time, cancellationToken)
            : null;
    }

    private static async Task<byte[]> ReadStartAsync(ReceivedFile file, CancellationToken cancellationToken)
    {
        byte[] start = new byte[(int)Math.Min(StartLength, file.Length)];
        await using Stream stream = await file.OpenAsync(0, cancellationToken);
        await stream.ReadExactlyAsync(start, cancellationToken);
        return start;
    }

    /// <summary>The last part of the name that was given, when it is one that a GGUF file can have.</summary>
    private static string GgufPath(string name)
    {
        string last = name[(name.LastIndexOf('/') + 1)..];
        return last.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase) && ModelPath.Problem(last) is null ? last : GgufFormat.DefaultFileName;
    }

    private string Explain(ReceivedFile file, string name) =>
        $"The uploaded file '{name}' ({file.Length} bytes) is neither a GGUF file nor one of the archives {string.Join(", ", archives.SelectMany(archive => archive.Extensions))}.";
}
