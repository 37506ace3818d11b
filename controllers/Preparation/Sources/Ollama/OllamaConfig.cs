using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Sources.Hubs;

namespace AiModels.Controllers.Preparation.Sources.Ollama;

/// <summary>
/// What is needed of a manifest's config (ollama's types/model/config.go). Its <c>architecture</c> is that of an image (amd64) and not the model's;
/// family, size and quantisation are read from the weights, which do not contradict themselves.
/// </summary>
internal sealed record OllamaConfig
{
    // Limits of status.resolved.sourceCapabilities; Ollama knows about ten words.
    private const int LongestCapability = 128;
    private const int MostCapabilities = 32;

    // What a model is for; the other words say what it can besides.
    private static readonly HashSet<string> TaskWords = ["completion", "embedding", "image"];

    /// <summary>gguf or safetensors.</summary>
    [JsonPropertyName("model_format")]
    public string? ModelFormat { get; init; }

    /// <summary>Set for models that run in somebody's cloud and have no weights here.</summary>
    [JsonPropertyName("remote_host")]
    public string? RemoteHost { get; init; }

    /// <summary>In Ollama's words: completion, tools, vision and others.</summary>
    [JsonPropertyName("capabilities")]
    public IReadOnlyList<string?>? Capabilities { get; init; }

    /// <summary>Throws <see cref="HubException"/>.</summary>
    public static OllamaConfig Parse(byte[] content, OllamaReference reference)
    {
        try
        {
            return JsonSerializer.Deserialize<OllamaConfig>(content) ?? throw new JsonException("it is null");
        }
        catch (JsonException e)
        {
            throw new HubException($"The config of {reference} cannot be used: {e.Message}", HttpStatusCode.BadRequest);
        }
    }

    /// <summary>
    /// Endpoint types and features that these words imply. What needs a part that stays behind (the projector, with which a model sees and hears) is not
    /// implied: what is delivered cannot do it.
    /// </summary>
    public IEnumerable<string> Implied(bool hasProjector) => (Capabilities ?? []).OfType<string>().SelectMany(word => (string[])(word switch
    {
        "completion" => ["TextGeneration"],
        "embedding" => ["Embeddings"],
        "tools" => ["ToolCalling"],
        "vision" when !hasProjector => ["VisionInput", "MultiModalInput"],
        "audio" when !hasProjector => ["AudioInput", "MultiModalInput"],
        _ => [],
    }));

    /// <summary>Null when nothing is declared.</summary>
    public SourceCapabilities? Declared()
    {
        string[] words = [.. (Capabilities ?? []).OfType<string>().Where(word => word.Length is > 0 and <= LongestCapability).Distinct().Take(MostCapabilities)];
        string[] tasks = [.. words.Where(TaskWords.Contains)];
        string[] features = [.. words.Except(TaskWords)];
        return words.Length == 0
            ? null
            : new SourceCapabilities { Provider = SourceTypes.Ollama, Tasks = tasks.Length > 0 ? tasks : null, Features = features.Length > 0 ? features : null };
    }
}
