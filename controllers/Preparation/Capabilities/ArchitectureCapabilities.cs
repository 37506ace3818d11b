namespace AiModels.Controllers.Preparation.Capabilities;

/// <summary>What the class names in config.json's <c>architectures</c> imply exactly: the class says which head the model has.</summary>
internal static class ArchitectureCapabilities
{
    // Longest suffix first: ForImageTextToText must not be read as anything shorter.
    private static readonly (string Suffix, string[] Capabilities)[] BySuffix =
    [
        ("ForCausalLM", ["TextGeneration"]),
        ("LMHeadModel", ["TextGeneration"]),
        ("ForSpeechSeq2Seq", ["SpeechToText", "AudioInput"]),
        ("ForCTC", ["SpeechToText", "AudioInput"]),
        ("ForImageClassification", ["ImageClassification", "VisionInput"]),
        ("ForObjectDetection", ["ObjectDetection", "VisionInput"]),
        ("ForImageSegmentation", ["ImageSegmentation", "VisionInput"]),
        ("ForSemanticSegmentation", ["ImageSegmentation", "VisionInput"]),
        ("ForUniversalSegmentation", ["ImageSegmentation", "VisionInput"]),
        ("ForInstanceSegmentation", ["ImageSegmentation", "VisionInput"]),
        ("ForVisualQuestionAnswering", ["VisualQuestionAnswering", "VisionInput", "MultiModalInput"]),
        ("ForTextToSpeech", ["TextToSpeech", "AudioOutput"]),
    ];

    private static readonly Dictionary<string, string[]> ByName = new()
    {
        ["WhisperForConditionalGeneration"] = ["SpeechToText", "AudioInput"],
        ["T5ForConditionalGeneration"] = ["TextGeneration"],
        ["MT5ForConditionalGeneration"] = ["TextGeneration"],
        ["BartForConditionalGeneration"] = ["TextGeneration"],
        ["MarianMTModel"] = ["Translation"],
        ["M2M100ForConditionalGeneration"] = ["Translation"],
    };

    public static IReadOnlyList<string> Of(string architecture) =>
        ByName.TryGetValue(architecture, out string[]? exact)
            ? exact
            : BySuffix.FirstOrDefault(entry => architecture.EndsWith(entry.Suffix, StringComparison.Ordinal)).Capabilities ?? [];
}
