using AiModels.Controllers.Preparation;
using AiModels.Controllers.Preparation.Pipeline;
using AiModels.Controllers.Preparation.Sources;
using AiModels.ModelPack;
using AiModels.ModelPack.Chunking;
using AiModels.ModelPack.Client;
using AiModels.ModelPack.Compression;
using AiModels.ModelPack.Oci;

namespace AiModels.Controllers.Integrity;

/// <summary>
/// Makes lost chunks again: exactly their bytes are fetched from where the model came from, at the revision that it was prepared from, and encoded as they were. Only
/// what has the digest that is missing is stored, so that a source that has changed cannot change the model.
/// </summary>
internal sealed class ChunkRestorer(IEnumerable<IModelSource> sources, RegistryClient registry, TimeProvider time)
{
    private readonly ChunkRemaker _remaker = new(new ChunkEncoder(ZstdCompressor.Shared));

    public async Task<RestoreOutcome> RestoreAsync(ModelObject model, IReadOnlyList<LostContent> lost, CancellationToken cancellationToken)
    {
        if (model.Source.Upload is not null)
        {
            return RestoreOutcome.Never("The model came by upload. Nodes that have it in their cache give back what is lost by themselves; where none has, upload the same file as another model, whose equal content makes this one whole again.");
        }

        await using var context = new PreparationContext(model, registry, new TransferProgress(time));
        int restored = 0;
        try
        {
            IReadOnlyList<(string Path, ChunkEntry Chunk)> wanted = await FindAsync(model, lost, cancellationToken);
            if (await ResolveAsync(context, cancellationToken) is { } refused)
            {
                return refused;
            }

            foreach ((string path, ChunkEntry chunk) in wanted)
            {
                // Bytes that are not what they must be may be a fault on the way: they are fetched once more.
                RestoreOutcome outcome = await RestoreAsync(context, path, chunk, cancellationToken);
                outcome = outcome is { Restored: 0, IsRetried: true } ? await RestoreAsync(context, path, chunk, cancellationToken) : outcome;
                if (outcome.Restored == 0)
                {
                    return outcome with { Restored = restored };
                }

                restored++;
            }

            return wanted.Count >= lost.Count
                ? new RestoreOutcome(restored)
                : RestoreOutcome.Never($"{lost.Count - wanted.Count} of the lost parts are no file's content; create the model again.") with { Restored = restored };
        }
        catch (FileNotFoundException)
        {
            return RestoreOutcome.Never("The manifest itself is lost, and with it which parts belong where: create the model again.");
        }
        catch (Exception e) when (!FailureTranslator.IsUnexpected(e) && FailureTranslator.Translate(e) is StageOutcome.Failure failure)
        {
            return new RestoreOutcome(restored, failure.Message, failure.IsRetryable);
        }
    }

    private async Task<IReadOnlyList<(string Path, ChunkEntry Chunk)>> FindAsync(ModelObject model, IReadOnlyList<LostContent> lost, CancellationToken cancellationToken)
    {
        string reference = model.Status.Artifact?.Digest ?? WellKnownTags.Model;
        ModelPackReader reader = await ModelPackReader.OpenAsync(registry, model.Repository, reference, cancellationToken);
        return ChunkRemaker.Find(reader, lost.Select(content => content.Digest).ToHashSet());
    }

    private async Task<RestoreOutcome?> ResolveAsync(PreparationContext context, CancellationToken cancellationToken)
    {
        if (sources.FirstOrDefault(known => known.Handles(context.Model.Source)) is not { } source)
        {
            return RestoreOutcome.Never($"Nothing here reads from {SourceNames.Describe(context.Model.Source)} any more.");
        }

        return await source.ResolveAsync(context, cancellationToken) is StageOutcome.Failure failure ? new RestoreOutcome(0, failure.Message, failure.IsRetryable) : null;
    }

    private async Task<RestoreOutcome> RestoreAsync(PreparationContext context, string path, ChunkEntry chunk, CancellationToken cancellationToken)
    {
        if (context.Content!.OpenRange(path, chunk.Offset) is not { } stream)
        {
            return RestoreOutcome.Never($"{SourceNames.Describe(context.Model.Source)} cannot be read in parts: create the model again.");
        }

        await using Stream source = stream;
        try
        {
            await _remaker.RemakeAsync(path, chunk, source, new RegistryBlobSink(registry, context.Model.Repository), cancellationToken);
            return new RestoreOutcome(1);
        }
        catch (ChunkDiffersException e)
        {
            return e.IsPackedOtherwise ? RestoreOutcome.Never($"{e.Message}: create the model again.") : new RestoreOutcome(0, $"{path} is not what it was at its source: {e.Message}.");
        }
    }
}

/// <summary>How a repair ended.</summary>
/// <param name="Restored">Chunks that are there again.</param>
/// <param name="Problem">Why not all are; null when they are.</param>
/// <param name="IsRetried">Whether another attempt may end otherwise.</param>
internal sealed record RestoreOutcome(int Restored, string? Problem = null, bool IsRetried = true)
{
    public static RestoreOutcome Never(string problem) => new(0, problem, IsRetried: false);
}
