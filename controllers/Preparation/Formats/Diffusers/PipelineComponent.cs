using System.Text.Json;
using AiModels.Controllers.Preparation.Formats.Safetensors;

namespace AiModels.Controllers.Preparation.Formats.Diffusers;

/// <summary>One component of a pipeline: its folder, looked at as a whole.</summary>
/// <param name="Quantization">quantization_config.quant_method of its config.json.</param>
internal sealed record PipelineComponent(string Name, IReadOnlyList<ModelFile> Weights, string? Quantization)
{
    /// <summary>Throws when the folder is not there, or when its config.json is a network's and no weights lie beside it.</summary>
    public static PipelineComponent Of(string name, IReadOnlyList<ModelFile> files)
    {
        ModelFile[] own = [.. files.Where(file => file.Path.StartsWith(name + "/", StringComparison.Ordinal))];
        if (own.Length == 0)
        {
            throw new InvalidModelFileException(PipelineIndex.Path, $"it names the component '{name}', and there is no folder {name}/. Every component of a pipeline is needed.");
        }

        ModelFile[] weights = [.. own.Where(file => file.Safetensors is not null || file.IsPickle)];
        string configPath = $"{name}/config.json";
        if (own.FirstOrDefault(file => file.Path == configPath)?.Content is not { } config)
        {
            return new PipelineComponent(name, weights, null);
        }

        using JsonDocument document = TransformersConfig.ParseDocument(configPath, config);
        JsonElement root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object)
        {
            throw new InvalidModelFileException(configPath, $"it is a JSON {root.ValueKind}; it must be an object.");
        }

        // diffusers' and transformers' marks of a network; tokenizers and processors have neither.
        bool isNetwork = root.TryGetProperty("_class_name", out _) || root.TryGetProperty("architectures", out _);
        if (isNetwork && weights.Length == 0)
        {
            throw new InvalidModelFileException(configPath, $"it describes a network, and there are no weights in {name}/: no *.safetensors and no *.bin that a loader reads.");
        }

        string? method = root.TryGetProperty("quantization_config", out JsonElement quantization) && quantization.ValueKind == JsonValueKind.Object
            ? TransformersConfig.Text(quantization, "quant_method")
            : null;
        return new PipelineComponent(name, weights, method);
    }
}
