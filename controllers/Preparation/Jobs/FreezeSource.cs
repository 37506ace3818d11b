using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Pipeline;

namespace AiModels.Controllers.Preparation.Jobs;

/// <summary>Writes down what the source was resolved to before a byte is stored: a Pod that takes over must take the same, whatever has moved since.</summary>
internal sealed class FreezeSource(PrepareOptions options) : IPreparationStage
{
    public string Name => "Freeze";

    public string Reason => Reasons.PublicationStarted;

    public async Task<StageOutcome> RunAsync(PreparationContext context, CancellationToken cancellationToken)
    {
        var outcome = new PreparationOutcome { Attempt = options.Attempt, Source = context.Content!.Resolved };
        await outcome.WriteAsync(context.Registry, context.Model.Repository, cancellationToken);
        return StageOutcome.Done;
    }
}
