using System.Text;
using System.Text.Json;

namespace AiModels.Controllers.Preparation.Formats.Safetensors;

/// <summary>The chat template of a transformers model, wherever it is kept.</summary>
internal static class TokenizerConfig
{
    /// <summary>Null when the model has none. Several named templates are one text here: what any of them knows, the model knows.</summary>
    public static string? ChatTemplate(IReadOnlyDictionary<string, ModelFile> files)
    {
        if (files.TryGetValue("chat_template.jinja", out ModelFile? jinja) && jinja.Content is { } text)
        {
            return Encoding.UTF8.GetString(text.Span);
        }

        foreach (string name in (string[])["chat_template.json", "tokenizer_config.json"])
        {
            if (files.TryGetValue(name, out ModelFile? file) && file.Content is { } json && Template(name, json) is { } template)
            {
                return template;
            }
        }

        return null;
    }

    private static string? Template(string path, ReadOnlyMemory<byte> json)
    {
        using JsonDocument document = TransformersConfig.ParseDocument(path, json);
        if (document.RootElement.ValueKind != JsonValueKind.Object || !document.RootElement.TryGetProperty("chat_template", out JsonElement template))
        {
            return null;
        }

        return template.ValueKind switch
        {
            JsonValueKind.String => template.GetString(),
            JsonValueKind.Array => string.Join('\n', template.EnumerateArray()
                .Where(entry => entry.ValueKind == JsonValueKind.Object)
                .Select(entry => TransformersConfig.Text(entry, "template"))),
            _ => null,
        };
    }
}
