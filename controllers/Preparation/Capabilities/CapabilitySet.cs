namespace AiModels.Controllers.Preparation.Capabilities;

/// <summary>Endpoint types and features gathered from several places of a model; each once, in the order of the API's own list.</summary>
internal sealed class CapabilitySet
{
    private static readonly string[] EndpointOrder =
    [
        "Chat", "TextGeneration", "Embeddings", "Rerank", "SpeechToText", "TextToSpeech", "Translation", "ImageClassification", "ObjectDetection",
        "ImageSegmentation", "ImageToText", "VisualQuestionAnswering", "ImageGeneration", "VideoGeneration", "AudioGeneration",
    ];

    private static readonly string[] FeatureOrder =
        ["VisionInput", "AudioInput", "AudioOutput", "ImageOutput", "VideoInput", "VideoOutput", "MultiModalInput", "ToolCalling"];

    private readonly HashSet<string> _found = [];

    /// <summary>Null when there is none: an empty list would claim that the model can do nothing.</summary>
    public IReadOnlyList<string>? EndpointTypes => Ordered(EndpointOrder);

    public IReadOnlyList<string>? Features => Ordered(FeatureOrder);

    public CapabilitySet Add(params IEnumerable<string> capabilities)
    {
        _found.UnionWith(capabilities);
        return this;
    }

    private string[]? Ordered(string[] order) => order.Where(_found.Contains).ToArray() is { Length: > 0 } list ? list : null;
}
