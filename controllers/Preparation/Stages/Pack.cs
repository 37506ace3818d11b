using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Pipeline;
using AiModels.ModelPack.Chunking;

namespace AiModels.Controllers.Preparation.Stages;

/// <summary>Stores the files as chunks: receives them where they are far away, and only relabels them where they are in the registry already.</summary>
internal sealed class Pack : IPreparationStage
{
    public string Name => "Pack";

    public string Reason => Reasons.PublicationUploading;

    public async Task<StageOutcome> RunAsync(PreparationContext context, CancellationToken cancellationToken)
    {
        long total = context.Content!.Files.Where(file => context.Kept.Contains(file.Path)).Sum(file => file.Length);
        context.Stored = await context.Content.StoreAsync(context, context.Kept, ChunkSize.For(total), cancellationToken);
        return StageOutcome.Done;
    }
}
