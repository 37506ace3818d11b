using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Capabilities;
using AiModels.Controllers.Preparation.Formats.Safetensors;

namespace AiModels.Controllers.Preparation.Formats.Diffusers;

/// <summary>A diffusers pipeline: model_index.json at the root and a folder for each component it names.</summary>
internal sealed class DiffusersFormat : IModelFormat
{
    public string Name => ModelFormats.Diffusers;

    public bool Recognizes(IReadOnlyList<SourceFile> files) => files.Any(file => file.Path == PipelineIndex.Path) && files.Any(IsWeight);

    public IReadOnlyDictionary<string, string> LeaveOut(IReadOnlyList<SourceFile> files, string? preferred)
    {
        var leftOut = new Dictionary<string, string>(WeightSelection.LeaveOut(files, preferred));
        foreach (SourceFile file in files)
        {
            if (CommonExclusions.ReasonFor(file) is { } reason)
            {
                leftOut[file.Path] = reason;
            }
            else if (!file.Path.Contains('/', StringComparison.Ordinal) && IsAnyWeight(file))
            {
                leftOut[file.Path] = "weights at the root; a pipeline loads those in its components' folders";
            }
            else if (WeightName.Of(file.Path) is null && (OtherWeights.Contains(file) || file.IsGguf))
            {
                leftOut[file.Path] = "weights that no component of the pipeline loads";
            }
        }

        return leftOut;
    }

    public DescribedModel Describe(IReadOnlyList<ModelFile> files)
    {
        Dictionary<string, ModelFile> byPath = files.ToDictionary(file => file.Path);
        PipelineIndex index = PipelineIndex.Parse(byPath[PipelineIndex.Path].Content ?? default);
        PipelineComponent[] components = [.. index.Components.Select(name => PipelineComponent.Of(name, files))];
        CheckShards(files);
        if (components.All(component => component.Weights.Count == 0))
        {
            throw new InvalidModelFileException(PipelineIndex.Path, "none of the components it names has weights.");
        }

        string? task = byPath.TryGetValue("README.md", out ModelFile? card) && card.Content is { } readme ? ModelCard.Task(readme.Span) : null;
        CapabilitySet capabilities = new CapabilitySet().Add(TaskCapabilities.Of(task ?? "")).Add(TaskCapabilities.Of(PipelineTasks.Of(index.ClassName) ?? ""));
        return new DescribedModel
        {
            Resolved = new ResolvedModel
            {
                Format = Name,
                Architecture = index.ClassName,
                ParameterCount = ParameterCount(components),
                Quantization = Quantization(components),
                SupportedEndpointTypes = capabilities.EndpointTypes,
                SupportedFeatures = capabilities.Features,
            },
            Tasks = task is null ? [] : [task],
            CustomCode = index.IsCustom && CustomCode.Of(files) is { Count: 0 } ? [$"{PipelineIndex.Path} (_class_name)"] : CustomCode.Of(files),
        };
    }

    private static bool IsWeight(SourceFile file) =>
        file.Path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase) || file.Path.EndsWith(".bin", StringComparison.OrdinalIgnoreCase);

    private static bool IsAnyWeight(SourceFile file) => IsWeight(file) || file.IsGguf || OtherWeights.Contains(file) || WeightIndex.IsIndex(file);

    private static void CheckShards(IReadOnlyList<ModelFile> files)
    {
        Dictionary<string, SafetensorsHeader> headers = files.Where(file => file.Safetensors is not null).ToDictionary(file => file.Path, file => file.Safetensors!);
        HashSet<string> pickles = [.. files.Where(file => file.IsPickle).Select(file => file.Path)];
        ShardName.CheckComplete([.. headers.Keys, .. pickles]);
        foreach (ModelFile index in files.Where(file => WeightIndex.IsIndex(new SourceFile(file.Path, file.Length))))
        {
            SafetensorsIndex.Check(index.Path, (index.Content ?? default).Span, headers, pickles);
        }
    }

    /// <summary>Of all components. Null when one of them does not say it exactly: packed quantisations, and pickles that share or cut up their storages.</summary>
    private static long? ParameterCount(PipelineComponent[] components)
    {
        if (components.Any(component => component.Quantization is not (null or "fp8") || component.Weights.Any(file => (file.Safetensors?.ParameterCount ?? file.PickledElements) is null)))
        {
            return null;
        }

        UInt128 sum = 0;
        foreach (ModelFile file in components.SelectMany(component => component.Weights))
        {
            sum += (ulong)(file.Safetensors?.ParameterCount ?? file.PickledElements ?? 0);
        }

        return sum > 0 && sum <= long.MaxValue ? (long)sum : null;
    }

    /// <summary>The one method that components declare; several say nothing exact of the whole.</summary>
    private static string? Quantization(PipelineComponent[] components) =>
        components.Select(component => component.Quantization).OfType<string>().Distinct().ToArray() is [string method] ? method : null;
}
