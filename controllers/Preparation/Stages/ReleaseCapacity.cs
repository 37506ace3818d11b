using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Pipeline;
using AiModels.ModelPack.Client;

namespace AiModels.Controllers.Preparation.Stages;

/// <summary>Gives room back that the model did not need: it was compressed, or others had the same content.</summary>
internal sealed partial class ReleaseCapacity(ICapacity capacity, ILogger<ReleaseCapacity> logger) : IPreparationStage
{
    public string Name => "Release";

    public string Reason => Reasons.PublicationCommitted;

    public async Task<StageOutcome> RunAsync(PreparationContext context, CancellationToken cancellationToken)
    {
        try
        {
            await capacity.ReleaseAsync(context.Model, cancellationToken);
        }
        catch (Exception e) when (e is RegistryException or HttpRequestException or TimeoutException)
        {
            // The model is complete, which this must not undo; the room comes back when the reservation lapses.
            Log.NotReleased(logger, context.Model.Key, e.Message);
        }

        return StageOutcome.Done;
    }

    private static partial class Log
    {
        [LoggerMessage(32, LogLevel.Warning, "The room that was reserved for {Model} comes back only when the reservation lapses: {Problem}")]
        public static partial void NotReleased(ILogger logger, ModelKey model, string problem);
    }
}
