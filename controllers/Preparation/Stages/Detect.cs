using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Formats;
using AiModels.Controllers.Preparation.Pipeline;
using AiModels.ModelPack.Format;

namespace AiModels.Controllers.Preparation.Stages;

/// <summary>Chooses the format and the files that become the model (requirements P4, Q1, Q2).</summary>
internal sealed class Detect(IEnumerable<IModelFormat> formats) : IPreparationStage
{
    public string Name => "Detect";

    public string Reason => Reasons.PublicationStarted;

    public Task<StageOutcome> RunAsync(PreparationContext context, CancellationToken cancellationToken)
    {
        IReadOnlyList<SourceFile> files = context.Content!.Files;

        // A URL that names a GGUF file chooses that format whatever else lies beside it.
        string? preferred = context.Content.PreferredFile;
        IModelFormat? format = preferred is null
            ? formats.FirstOrDefault(known => known.Recognizes(files))
            : formats.FirstOrDefault(known => known.Recognizes([.. files.Where(file => file.Path == preferred)])) ?? formats.FirstOrDefault(known => known.Recognizes(files));
        if (format is null)
        {
            return Task.FromResult(StageOutcome.Failed(Reasons.UnsupportedSource, Explain(files)));
        }

        context.Format = format;
        IReadOnlyDictionary<string, string> leftOut = format.LeaveOut(files, preferred);
        context.Kept = files.Select(file => file.Path).Where(path => !leftOut.ContainsKey(path)).ToHashSet();
        if (ModelPath.SetProblem(context.Kept) is { } clash)
        {
            return Task.FromResult(StageOutcome.Failed(Reasons.PublicationFailed, $"The files of the model cannot be stored beside each other: {clash}."));
        }

        context.LeftOut = leftOut.Concat(context.Content.LeftBehind).ToDictionary(entry => entry.Key, entry => entry.Value);
        return Task.FromResult(StageOutcome.Done);
    }

    private static string Explain(IReadOnlyList<SourceFile> files)
    {
        const string wanted = "A Safetensors model has config.json and at least one *.safetensors, a GGUF model at least one *.gguf, "
            + "a Diffusers pipeline model_index.json and weights (*.safetensors or *.bin) in the folders of its components.";
        string there = string.Join(", ", files.Select(file => file.Path).Order(StringComparer.Ordinal).Take(10)) + (files.Count > 10 ? $" and {files.Count - 10} more" : "");
        bool hasWeights = files.Any(file => file.Path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase));
        bool isAdapter = files.Any(file => file.Path == "adapter_config.json");
        string problem = isAdapter ? "This is an adapter (adapter_config.json) and not a model of its own. "
            : hasWeights ? "There are *.safetensors, but no config.json at the root. "
            : "No model was found. ";
        return problem + wanted + $" Found: {there}.";
    }
}
