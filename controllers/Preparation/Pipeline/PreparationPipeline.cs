using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Sources.Hubs;

namespace AiModels.Controllers.Preparation.Pipeline;

/// <summary>Runs the stages in their order and turns what goes wrong into an outcome. The same in process and in a Job.</summary>
internal sealed partial class PreparationPipeline(IEnumerable<IPreparationStage> stages, HubPatience patience, ILogger<PreparationPipeline> logger)
{
    private readonly IPreparationStage[] _stages = [.. stages];

    /// <summary>Ends with <see cref="PreparationContext.Result"/> set, or with a failure. Only cancellation is thrown.</summary>
    public async Task<StageOutcome> RunAsync(PreparationContext context, CancellationToken cancellationToken)
    {
        foreach (IPreparationStage stage in _stages)
        {
            context.Progress.Enter(stage.Name, stage.Reason);
            StageOutcome outcome = await RunStageAsync(stage, context, cancellationToken);
            if (outcome is StageOutcome.Failure failure)
            {
                Log.StageFailed(logger, stage.Name, context.Model.Key, failure.Reason, failure.Message, failure.IsRetryable);
            }

            if (outcome is not StageOutcome.Success)
            {
                return outcome;
            }
        }

        return context.Result is not null
            ? StageOutcome.Done
            : StageOutcome.Failed(Reasons.PublicationFailed, "The stages ended without a result.");
    }

    private async Task<StageOutcome> RunStageAsync(IPreparationStage stage, PreparationContext context, CancellationToken cancellationToken)
    {
        try
        {
            return await stage.RunAsync(context, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw;
        }
        catch (Exception e)
        {
            if (FailureTranslator.IsUnexpected(e))
            {
                Log.Unexpected(logger, stage.Name, context.Model.Key, e);
            }

            return (e is HubException { IsTransient: true } || FailureTranslator.IsUnexpected(e)) && context.Progress.SinceAdvance > patience.Budget
                ? StageOutcome.Failed(Reasons.PublicationFailed, $"{e.Message.TrimEnd('.')}. Given up after {patience.Budget.TotalMinutes:0.#} minutes in which nothing more could be stored. Create the model again to try again.")
                : FailureTranslator.Translate(e);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(30, LogLevel.Information, "{Stage} of {Model} ended with {Reason} (retried: {IsRetryable}): {Problem}")]
        public static partial void StageFailed(ILogger logger, string stage, ModelKey model, string reason, string problem, bool isRetryable);

        [LoggerMessage(31, LogLevel.Error, "{Stage} of {Model} failed unexpectedly")]
        public static partial void Unexpected(ILogger logger, string stage, ModelKey model, Exception exception);
    }
}
