using AiModels.Controllers.Preparation.Formats.Gguf;
using AiModels.Controllers.Preparation.Formats.Safetensors;

namespace AiModels.Controllers.Preparation.Formats;

/// <summary>A file of a source by name and size: all that is needed to choose what is kept.</summary>
/// <param name="Path">Relative, with forward slashes, checked by the archive reader or the hub client.</param>
internal readonly record struct SourceFile(string Path, long Length)
{
    public string Name => Path[(Path.LastIndexOf('/') + 1)..];

    /// <summary>The content has been seen and is GGUF, whatever the file is called.</summary>
    public bool IsGgufByContent { get; init; }

    public bool IsGguf => IsGgufByContent || Path.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase);
}

/// <summary>A file of a model with what its content says.</summary>
internal sealed record ModelFile(string Path, long Length)
{
    /// <summary>Set for GGUF files.</summary>
    public GgufHeader? Gguf { get; init; }

    /// <summary>Set for safetensors files.</summary>
    public SafetensorsHeader? Safetensors { get; init; }

    /// <summary>Weights in a pickle, which has been scanned: loading it imports nothing but what a state dict needs.</summary>
    public bool IsPickle { get; init; }

    /// <summary>Elements of a pickle's tensors; null when it does not say them exactly.</summary>
    public long? PickledElements { get; init; }

    /// <summary>The content of the few files that describe a model (config.json and its like).</summary>
    public ReadOnlyMemory<byte>? Content { get; init; }

    /// <summary>Why the file cannot be kept whatever the format: what its first bytes are (a program, an archive). Null for anything else.</summary>
    public string? Unwanted { get; init; }
}
