using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Capabilities;

namespace AiModels.Controllers.Preparation.Formats.Gguf;

/// <summary>GGUF: one file (or one set of shards) with everything in its header, and perhaps a projector (mmproj) beside it.</summary>
internal sealed class GgufFormat : IModelFormat
{
    /// <summary>For a file that comes without a name. Always the same, so that equal weights make the equal artifact.</summary>
    public const string DefaultFileName = "model.gguf";

    private const string ProjectorArchitecture = "clip";

    // llama.cpp's enum llama_pooling_type.
    private const ulong NoPooling = 0;
    private const ulong RankPooling = 4;

    // Encoders: they complete no text, whatever else their header says.
    private static readonly HashSet<string> Encoders =
        ["bert", "nomic-bert", "nomic-bert-moe", "neo-bert", "jina-bert-v2", "jina-bert-v3", "modern-bert", "t5encoder", "gemma-embedding", "wavtokenizer-dec"];

    public string Name => ModelFormats.Gguf;

    public bool Recognizes(IReadOnlyList<SourceFile> files) => files.Any(file => file.IsGguf);

    public IReadOnlyDictionary<string, string> LeaveOut(IReadOnlyList<SourceFile> files, string? preferred)
    {
        var leftOut = new Dictionary<string, string>(GgufSelection.LeaveOut(files, preferred));
        foreach (SourceFile file in files)
        {
            if (CommonExclusions.ReasonFor(file) is { } reason)
            {
                leftOut[file.Path] = reason;
            }
            else if (OtherWeights.Contains(file) && !file.IsGguf)
            {
                leftOut[file.Path] = "the same weights in another format";
            }
        }

        return leftOut;
    }

    public DescribedModel Describe(IReadOnlyList<ModelFile> files)
    {
        ModelFile[] parts = [.. files.Where(file => file.Gguf is not null).OrderBy(file => file.Path, StringComparer.Ordinal)];
        ModelFile[] weights = [.. parts.Where(file => !IsProjector(file.Gguf!))];
        GgufShards.Check(weights);
        ModelFile first = weights.Length > 0 ? GgufShards.First(weights) : parts[0];
        GgufHeader header = first.Gguf!;
        string architecture = header.Architecture is { Length: > 0 } declared
            ? declared
            : throw new InvalidModelFileException(first.Path, "its header has no text general.architecture, which every GGUF model has. Convert the model again with a current tool.");
        if (weights.Concat(parts).Sum(file => file.Gguf!.TensorCount) == 0)
        {
            throw new InvalidModelFileException(first.Path, "it holds no tensors: it is a vocabulary and no model.");
        }

        string? task = files.FirstOrDefault(file => file.Path == "README.md")?.Content is { } readme ? ModelCard.Task(readme.Span) : null;
        CapabilitySet capabilities = Capabilities(header, parts, task);
        return new DescribedModel
        {
            Resolved = new ResolvedModel
            {
                Format = Name,
                Family = architecture,
                Architecture = architecture,
                ParameterCount = ParameterCount(weights),
                Quantization = Quantization(header, weights),
                ContextWindowTokens = Positive((long)Math.Min(header.Number($"{architecture}.context_length") ?? 0, long.MaxValue)),
                SupportedEndpointTypes = capabilities.EndpointTypes,
                SupportedFeatures = capabilities.Features,
            },
            Tasks = task is null ? [] : [task],
            CustomCode = CustomCode.Of(files),
        };
    }

    private static bool IsProjector(GgufHeader header) => header.Architecture == ProjectorArchitecture || header.Text("general.type") == "mmproj";

    private static long? Positive(long value) => value > 0 ? value : null;

    private static long? ParameterCount(ModelFile[] weights)
    {
        UInt128 sum = 0;
        foreach (ModelFile file in weights)
        {
            sum += (ulong)file.Gguf!.ParameterCount;
        }

        return sum <= long.MaxValue ? Positive((long)sum) : null;
    }

    /// <summary>The declared recipe; without one, the only type that quantised tensors have. Several types without a recipe say nothing exact.</summary>
    private static string? Quantization(GgufHeader header, ModelFile[] weights)
    {
        if (header.Number("general.file_type") is { } type && GgufFileType.NameOf(type) is { } declared)
        {
            return declared;
        }

        string[] used = [.. weights.SelectMany(file => file.Gguf!.ElementsByType.Keys).Distinct()];
        string[] blocks = [.. used.Where(name => name is not ("F32" or "F16" or "BF16" or "F64" or "I8" or "I16" or "I32" or "I64"))];
        return blocks.Length == 1 ? blocks[0] : used.Length == 1 ? used[0] : null;
    }

    private static CapabilitySet Capabilities(GgufHeader header, ModelFile[] parts, string? task)
    {
        var found = new CapabilitySet();
        if (header.Text("general.type") is "adapter" or "mmproj" || IsProjector(header))
        {
            return found;
        }

        found.Add(TaskCapabilities.Of(task ?? ""));
        ulong pooling = header.Number($"{header.Architecture}.pooling_type") ?? NoPooling;
        if (pooling != NoPooling)
        {
            found.Add(pooling == RankPooling ? "Rerank" : "Embeddings");
        }
        else if (header.Text("tokenizer.chat_template") is { Length: > 0 } template)
        {
            found.Add(ChatTemplate.Capabilities(template));
        }
        else if (header.Text("tokenizer.ggml.model") is not null && header.Architecture is { } architecture && !Encoders.Contains(architecture))
        {
            found.Add("TextGeneration");
        }

        foreach (GgufHeader projector in parts.Select(file => file.Gguf!).Where(IsProjector))
        {
            found.Add(projector.Flag("clip.has_vision_encoder") == true ? ["VisionInput", "MultiModalInput"] : []);
            found.Add(projector.Flag("clip.has_audio_encoder") == true ? ["AudioInput", "MultiModalInput"] : []);
        }

        return found;
    }
}
