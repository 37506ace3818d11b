using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Pipeline;

namespace AiModels.Controllers.Preparation.Stages;

/// <summary>
/// Says how much room the model takes before its bytes move, and asks for it (requirement P9).
/// </summary>
internal sealed class ReserveCapacity(ICapacity capacity) : IPreparationStage
{
    public string Name => "Reserve";

    public string Reason => Reasons.PublicationStarted;

    public async Task<StageOutcome> RunAsync(PreparationContext context, CancellationToken cancellationToken)
    {
        (string Path, long Length)[] files = [.. context.Content!.Files.Where(file => context.Kept.Contains(file.Path)).Select(file => (file.Path, file.Length))];
        context.Progress.Expect(files);
        return await capacity.ReserveAsync(context.Model, files.Sum(file => file.Length), cancellationToken) is { } refusal
            ? StageOutcome.Failed(Reasons.InsufficientStorage, refusal)
            : StageOutcome.Done;
    }
}

/// <summary>Room in the registry.</summary>
internal interface ICapacity
{
    /// <summary>Reserves room for a model; again for the same model changes nothing. Null, or why there is none, in words.</summary>
    Task<string?> ReserveAsync(ModelObject model, long bytes, CancellationToken cancellationToken);
}

/// <summary>For a registry without a limit: it refuses only when its disk is full, and then the stage that writes tells.</summary>
internal sealed class UnlimitedCapacity : ICapacity
{
    public Task<string?> ReserveAsync(ModelObject model, long bytes, CancellationToken cancellationToken) => Task.FromResult<string?>(null);
}
