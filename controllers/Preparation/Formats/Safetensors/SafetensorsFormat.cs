using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Capabilities;

namespace AiModels.Controllers.Preparation.Formats.Safetensors;

/// <summary>Safetensors with a transformers config.json at the root.</summary>
internal sealed class SafetensorsFormat : IModelFormat
{
    private const string Config = "config.json";

    public string Name => ModelFormats.Safetensors;

    public bool Recognizes(IReadOnlyList<SourceFile> files) => files.Any(file => file.Path == Config) && files.Any(IsWeight);

    public IReadOnlyDictionary<string, string> LeaveOut(IReadOnlyList<SourceFile> files, string? preferred)
    {
        var leftOut = new Dictionary<string, string>();
        foreach (SourceFile file in files)
        {
            if (CommonExclusions.ReasonFor(file) is { } reason)
            {
                leftOut[file.Path] = reason;
            }
            else if (OtherWeights.Contains(file) || file.IsGguf)
            {
                leftOut[file.Path] = "the same weights in another format; Safetensors were chosen";
            }
        }

        return leftOut;
    }

    public DescribedModel Describe(IReadOnlyList<ModelFile> files)
    {
        Dictionary<string, ModelFile> byPath = files.ToDictionary(file => file.Path);
        Dictionary<string, SafetensorsHeader> weights = files.Where(file => file.Safetensors is not null).ToDictionary(file => file.Path, file => file.Safetensors!);
        CheckShards(files, weights);

        TransformersConfig config = TransformersConfig.Parse(Config, byPath[Config].Content ?? default);
        CapabilitySet capabilities = Capabilities(config, byPath, out string? task);
        return new DescribedModel
        {
            Resolved = new ResolvedModel
            {
                Format = Name,
                Family = config.ModelType,
                Architecture = config.Architecture,
                ParameterCount = ParameterCount(config, files),
                Quantization = config.QuantizationMethod,
                ContextWindowTokens = config.ContextTokens,
                SupportedEndpointTypes = capabilities.EndpointTypes,
                SupportedFeatures = capabilities.Features,
            },
            Tasks = task is null ? [] : [task],
            CustomCode = config.NeedsCode && CustomCode.Of(files) is { Count: 0 } ? [Config + " (auto_map)"] : CustomCode.Of(files),
        };
    }

    private static bool IsWeight(SourceFile file) => file.Path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase);

    private static void CheckShards(IReadOnlyList<ModelFile> files, Dictionary<string, SafetensorsHeader> weights)
    {
        ShardName.CheckComplete(weights.Keys);
        foreach (ModelFile index in files.Where(file => file.Path.EndsWith(".safetensors.index.json", StringComparison.Ordinal)))
        {
            SafetensorsIndex.Check(index.Path, (index.Content ?? default).Span, weights);
        }
    }

    /// <summary>Elements of the weights that a loader reads. Null for packed quantisations, whose tensors hold several parameters in one element.</summary>
    private static long? ParameterCount(TransformersConfig config, IReadOnlyList<ModelFile> files)
    {
        if (config.QuantizationMethod is not (null or "fp8"))
        {
            return null;
        }

        UInt128 sum = 0;
        foreach (ModelFile file in LoadedWeights.Of(files))
        {
            sum += (ulong)file.Safetensors!.ParameterCount;
        }

        return sum > 0 && sum <= long.MaxValue ? (long)sum : null;
    }

    private static CapabilitySet Capabilities(TransformersConfig config, Dictionary<string, ModelFile> files, out string? task)
    {
        var found = new CapabilitySet();
        task = files.TryGetValue("README.md", out ModelFile? card) && card.Content is { } readme ? ModelCard.Task(readme.Span) : null;
        found.Add(task is null ? [] : TaskCapabilities.Of(task));
        found.Add(config.Architecture is null ? [] : ArchitectureCapabilities.Of(config.Architecture));
        found.Add(TokenizerConfig.ChatTemplate(files) is { Length: > 0 } template ? ChatTemplate.Capabilities(template) : []);

        // modules.json is sentence-transformers' own: the model gives one vector for a text.
        found.Add(files.ContainsKey("modules.json") ? ["Embeddings"] : []);
        found.Add(config.HasVision ? ["VisionInput", "MultiModalInput"] : []);
        found.Add(config.HasAudio ? ["AudioInput", "MultiModalInput"] : []);
        return found;
    }
}
