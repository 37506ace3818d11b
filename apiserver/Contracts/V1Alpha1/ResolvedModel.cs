using System.ComponentModel.DataAnnotations;

namespace AiModels.Contracts.V1Alpha1;

/// <summary>What the files themselves (or the hub's own declaration) say about a model. Nothing here is guessed from a name.</summary>
public sealed record ResolvedModel
{
    /// <summary>Safetensors, GGUF or Diffusers.</summary>
    [AllowedValues(ModelFormats.Safetensors, ModelFormats.Gguf, ModelFormats.Diffusers)]
    public string? Format { get; init; }

    /// <summary>The model family: model_type of config.json, general.architecture of GGUF.</summary>
    public string? Family { get; init; }

    /// <summary>The architecture class, for instance LlamaForCausalLM.</summary>
    public string? Architecture { get; init; }

    /// <summary>How many parameters the tensors hold.</summary>
    [Range(1, long.MaxValue)]
    public long? ParameterCount { get; init; }

    /// <summary>How the weights are quantised, for instance Q4_K_M or awq.</summary>
    public string? Quantization { get; init; }

    /// <summary>The longest context the model's own header or config declares, in tokens.</summary>
    [Range(1, long.MaxValue)]
    public long? ContextWindowTokens { get; init; }

    /// <summary>Kinds of endpoint a runtime can offer with the model.</summary>
    [AllowedItems(
        "Chat", "TextGeneration", "Embeddings", "Rerank", "SpeechToText", "TextToSpeech", "Translation", "ImageClassification", "ObjectDetection",
        "ImageSegmentation", "ImageToText", "VisualQuestionAnswering", "ImageGeneration", "VideoGeneration", "AudioGeneration")]
    public IReadOnlyList<string>? SupportedEndpointTypes { get; init; }

    /// <summary>What the model can take in, give out or do.</summary>
    [AllowedItems(
        "VisionInput", "AudioInput", "AudioOutput", "ImageOutput", "VideoInput", "VideoOutput", "MultiModalInput", "ToolCalling")]
    public IReadOnlyList<string>? SupportedFeatures { get; init; }

    /// <summary>Tasks and features in the words of the place the model came from.</summary>
    public SourceCapabilities? SourceCapabilities { get; init; }
}

/// <summary>Tasks and features as the provider names them, unchanged.</summary>
public sealed record SourceCapabilities
{
    /// <summary>HuggingFace, Ollama, Upload or Catalog.</summary>
    [AllowedValues(SourceTypes.HuggingFace, SourceTypes.Ollama, SourceTypes.Upload, SourceTypes.Catalog)]
    public string? Provider { get; init; }

    /// <summary>Tasks, for instance text-generation.</summary>
    [ItemLength(1, 128)]
    public IReadOnlyList<string>? Tasks { get; init; }

    /// <summary>Features, for instance tools.</summary>
    [ItemLength(1, 128)]
    public IReadOnlyList<string>? Features { get; init; }
}

/// <summary>Values of <see cref="ResolvedModel.Format"/>.</summary>
public static class ModelFormats
{
    public const string Safetensors = "Safetensors";
    public const string Gguf = "GGUF";
    public const string Diffusers = "Diffusers";
}
