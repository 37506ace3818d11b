using System.Text.Json;
using AiModels.Controllers.Preparation.Formats.Safetensors;

namespace AiModels.Controllers.Preparation.Formats.Diffusers;

/// <summary>What model_index.json declares: the pipeline's class and its components.</summary>
internal sealed record PipelineIndex
{
    public const string Path = "model_index.json";

    /// <summary>The class, for instance StableDiffusionXLPipeline.</summary>
    public required string ClassName { get; init; }

    /// <summary>The class is code of the repository.</summary>
    public bool IsCustom { get; init; }

    /// <summary>Names of the components that are there, each a folder. Those declared as null are not among them.</summary>
    public required IReadOnlyList<string> Components { get; init; }

    public static PipelineIndex Parse(ReadOnlyMemory<byte> json)
    {
        using JsonDocument document = TransformersConfig.ParseDocument(Path, json);
        JsonElement root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object)
        {
            throw Invalid($"it is a JSON {root.ValueKind}; it must be an object.");
        }

        (string name, bool isCustom) = ClassOf(root);
        var components = new List<string>();
        foreach (JsonProperty property in root.EnumerateObject())
        {
            // Lists are components; texts, numbers and flags configure the pipeline itself; a leading underscore is metadata.
            if (!property.Name.StartsWith('_') && property.Value.ValueKind == JsonValueKind.Array && IsComponent(property))
            {
                _ = components.Contains(property.Name) ? throw Invalid($"component '{property.Name}' is there twice.") : 0;
                components.Add(property.Name);
            }
        }

        return new PipelineIndex { ClassName = name, IsCustom = isCustom, Components = components };
    }

    /// <summary>A text, or [module, class] for a pipeline whose code lies in the repository.</summary>
    private static (string Name, bool IsCustom) ClassOf(JsonElement root)
    {
        if (TransformersConfig.Text(root, "_class_name") is { } name)
        {
            return (name, false);
        }

        bool isPair = root.TryGetProperty("_class_name", out JsonElement value) && value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 2
            && value.EnumerateArray().All(part => part.ValueKind == JsonValueKind.String);
        return isPair ? (value[1].GetString()!, true) : throw Invalid("it has no _class_name, which names the pipeline's class.");
    }

    /// <summary>[library, class], perhaps with more behind; [null, null] for one that is not there; other lists are configuration.</summary>
    private static bool IsComponent(JsonProperty property)
    {
        JsonElement[] parts = [.. property.Value.EnumerateArray().Take(2)];
        bool isPresent = parts.Length == 2 && parts.All(part => part.ValueKind == JsonValueKind.String);
        if (isPresent && (property.Name.Length == 0 || property.Name is "." or ".." || property.Name.Contains('/', StringComparison.Ordinal)))
        {
            throw Invalid($"component '{property.Name}' cannot be the name of a folder.");
        }

        return isPresent;
    }

    private static InvalidModelFileException Invalid(string problem) => new(Path, problem);
}
