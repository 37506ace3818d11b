using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Formats;
using AiModels.Controllers.Preparation.Pipeline;

namespace AiModels.Controllers.Preparation.Stages;

/// <summary>Reads the headers of all files that are kept, checks them, and learns what the model is. No byte is stored before this has passed.</summary>
internal sealed class Verify : IPreparationStage
{
    public string Name => "Verify";

    public string Reason => Reasons.PublicationStarted;

    public async Task<StageOutcome> RunAsync(PreparationContext context, CancellationToken cancellationToken)
    {
        IReadOnlyList<ModelFile> files = await context.Content!.InspectAsync(context.Kept, cancellationToken);
        files = LeaveOutUnwanted(context, files);
        context.Description = context.Format!.Describe(files);
        return StageOutcome.Done;
    }

    /// <summary>Programs that only their content gives away.</summary>
    private static List<ModelFile> LeaveOutUnwanted(PreparationContext context, IReadOnlyList<ModelFile> files)
    {
        ModelFile[] unwanted = [.. files.Where(file => file.Unwanted is not null)];
        if (unwanted.Length > 0)
        {
            var leftOut = new Dictionary<string, string>(context.LeftOut);
            foreach (ModelFile file in unwanted)
            {
                leftOut[file.Path] = $"it is {file.Unwanted}";
            }

            context.LeftOut = leftOut;
            context.Kept = context.Kept.Except(unwanted.Select(file => file.Path)).ToHashSet();
        }

        return [.. files.Where(file => file.Unwanted is null)];
    }
}
