namespace AiModels.Controllers.Preparation.Capabilities;

/// <summary>What a chat template says about the model it belongs to.</summary>
internal static class ChatTemplate
{
    /// <summary>A template makes a model a chat model; one that knows tools makes it call them.</summary>
    public static IEnumerable<string> Capabilities(string template) =>
        template.Contains("tools", StringComparison.Ordinal) || template.Contains("tool_call", StringComparison.Ordinal)
            ? ["Chat", "TextGeneration", "ToolCalling"]
            : ["Chat", "TextGeneration"];
}
