namespace AiModels.Controllers.Preparation.Capabilities;

/// <summary>What a task that a model card or a hub declares means in endpoint types and features.</summary>
internal static class TaskCapabilities
{
    private static readonly Dictionary<string, string[]> ByTask = new()
    {
        ["text-generation"] = ["Chat", "TextGeneration"],
        ["text2text-generation"] = ["Chat", "TextGeneration"],
        ["conversational"] = ["Chat", "TextGeneration"],
        ["sentence-similarity"] = ["Embeddings"],
        ["feature-extraction"] = ["Embeddings"],
        ["embeddings"] = ["Embeddings"],
        ["text-ranking"] = ["Rerank"],
        ["rerank"] = ["Rerank"],
        ["translation"] = ["Translation"],
        ["automatic-speech-recognition"] = ["SpeechToText", "AudioInput"],
        ["text-to-speech"] = ["TextToSpeech", "AudioOutput"],
        ["text-to-audio"] = ["AudioGeneration", "AudioOutput"],
        ["text-to-music"] = ["AudioGeneration", "AudioOutput"],
        ["image-classification"] = ["ImageClassification", "VisionInput"],
        ["object-detection"] = ["ObjectDetection", "VisionInput"],
        ["image-segmentation"] = ["ImageSegmentation", "VisionInput"],
        ["image-to-text"] = ["Chat", "ImageToText", "VisionInput", "MultiModalInput"],
        ["image-text-to-text"] = ["Chat", "ImageToText", "VisionInput", "MultiModalInput"],
        ["visual-question-answering"] = ["VisualQuestionAnswering", "VisionInput", "MultiModalInput"],
        ["unconditional-image-generation"] = ["ImageGeneration", "ImageOutput"],
        ["text-to-image"] = ["ImageGeneration", "ImageOutput"],
        ["image-to-image"] = ["ImageGeneration", "VisionInput", "ImageOutput"],
        ["inpainting"] = ["ImageGeneration", "VisionInput", "ImageOutput"],
        ["text-to-video"] = ["VideoGeneration", "VideoOutput"],
        ["image-to-video"] = ["VideoGeneration", "VisionInput", "VideoOutput"],
        ["video-to-video"] = ["VideoGeneration", "VideoInput", "VideoOutput"],
    };

    /// <summary>Endpoint types and features of a task; none for a task that this table does not know.</summary>
    public static IReadOnlyList<string> Of(string task) => ByTask.GetValueOrDefault(task, []);
}
