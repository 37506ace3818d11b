using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Pipeline;
using AiModels.Controllers.Preparation.Sources;

namespace AiModels.Controllers.Preparation.Stages;

/// <summary>Finds the source's kind, freezes its revision and lists its files.</summary>
internal sealed class ResolveSource(IEnumerable<IModelSource> sources) : IPreparationStage
{
    public string Name => "Resolve";

    public string Reason => Reasons.PublicationStarted;

    public async Task<StageOutcome> RunAsync(PreparationContext context, CancellationToken cancellationToken)
    {
        if (sources.FirstOrDefault(known => known.Handles(context.Model.Source)) is not { } source)
        {
            return StageOutcome.Failed(
                Reasons.UnsupportedSource,
                $"This installation cannot prepare a model from {SourceNames.Describe(context.Model.Source)}; it knows {string.Join(", ", sources.Select(known => known.Name))}.");
        }

        StageOutcome outcome = await source.ResolveAsync(context, cancellationToken);
        context.Progress.Source = context.Content?.Resolved ?? context.Progress.Source;
        return outcome;
    }
}
