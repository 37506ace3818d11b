namespace AiModels.Controllers.Preparation.Sources.Ollama;

/// <summary>
/// What the prompt template of a manifest (a Go template) says about the model, by the variables it uses: the rule by which Ollama itself decides what a model
/// can do (server/images.go, Capabilities).
/// </summary>
internal static class OllamaTemplate
{
    /// <summary>Endpoint types and features that are implied; none by the bare <c>{{ .Prompt }}</c>.</summary>
    public static IReadOnlyList<string> Capabilities(string template)
    {
        bool knowsTools = Uses(template, ".Tools");
        bool knowsTurns = knowsTools || Uses(template, ".Messages") || Uses(template, ".System");
        return knowsTools ? ["Chat", "TextGeneration", "ToolCalling"] : knowsTurns ? ["Chat", "TextGeneration"] : [];
    }

    /// <summary>The whole name: <c>.Tools</c> is not in <c>.ToolsOfOthers</c>.</summary>
    private static bool Uses(string template, string variable)
    {
        for (int at = template.IndexOf(variable, StringComparison.Ordinal); at >= 0; at = template.IndexOf(variable, at + 1, StringComparison.Ordinal))
        {
            int end = at + variable.Length;
            if (end == template.Length || !(char.IsAsciiLetterOrDigit(template[end]) || template[end] == '_'))
            {
                return true;
            }
        }

        return false;
    }
}
