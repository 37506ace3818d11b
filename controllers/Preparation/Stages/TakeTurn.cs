using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Pipeline;

namespace AiModels.Controllers.Preparation.Stages;

/// <summary>Now that the model's size is known: whether it goes on, or first lets others pass. Nothing is reserved or fetched before.</summary>
internal sealed class TakeTurn : IPreparationStage
{
    public string Name => "Queue";

    public string Reason => Reasons.PublicationStarted;

    public Task<StageOutcome> RunAsync(PreparationContext context, CancellationToken cancellationToken)
    {
        long bytes = context.Content!.Files.Where(file => context.Kept.Contains(file.Path)).Sum(file => file.Length);
        return Task.FromResult(context.MayGoOn(bytes) ? StageOutcome.Done : StageOutcome.Postponed(Waiting(bytes)));
    }

    /// <summary>What is told while it waits.</summary>
    public static string Waiting(long bytes) =>
        $"Waits until one of the large models at work is done: this one has {bytes >> 30} GiB, and some workers are kept for models below {PreparationQueue.LongBytes >> 30} GiB.";
}
