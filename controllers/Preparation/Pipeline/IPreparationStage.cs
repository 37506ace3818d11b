namespace AiModels.Controllers.Preparation.Pipeline;

/// <summary>
/// One step of preparation. Reads what earlier stages put into the context and adds its own part. May be run again from the beginning at any time, after its
/// process died at any point: what must not be lost is in the registry or in the API. Exceptions it does not catch are told apart by <see cref="FailureTranslator"/>.
/// </summary>
internal interface IPreparationStage
{
    /// <summary>What ModelProgress calls it.</summary>
    string Name { get; }

    /// <summary>The running reason while this stage is at work.</summary>
    string Reason { get; }

    Task<StageOutcome> RunAsync(PreparationContext context, CancellationToken cancellationToken);
}
