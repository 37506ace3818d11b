using System.Text.Json;
using System.Text.Unicode;

namespace AiModels.Controllers.Preparation.Formats.Safetensors;

/// <summary>What config.json of a transformers model declares.</summary>
internal sealed record TransformersConfig
{
    private const int MaxDepth = 64;

    // In the order in which the first one found counts.
    private static readonly string[] ContextFields = ["max_position_embeddings", "n_positions", "max_sequence_length", "seq_length", "model_max_length"];
    private static readonly string[] TextConfigs = ["text_config", "llm_config", "language_config", "thinker_config"];

    public string? ModelType { get; init; }
    public string? Architecture { get; init; }
    public long? ContextTokens { get; init; }

    /// <summary>quantization_config.quant_method.</summary>
    public string? QuantizationMethod { get; init; }

    /// <summary>auto_map is there: the loader must run code of the repository.</summary>
    public bool NeedsCode { get; init; }

    public bool HasVision { get; init; }
    public bool HasAudio { get; init; }

    public static TransformersConfig Parse(string path, ReadOnlyMemory<byte> json)
    {
        using JsonDocument document = ParseDocument(path, json);
        JsonElement root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object)
        {
            throw new InvalidModelFileException(path, $"it is a JSON {root.ValueKind}; it must be an object.");
        }

        return new TransformersConfig
        {
            ModelType = DeclaredText(path, root, "model_type"),
            Architecture = FirstArchitecture(path, root),
            ContextTokens = Context(path, root) ?? TextConfigs.Select(name => Object(root, name) is { } inner ? Context(path, inner) : null).FirstOrDefault(value => value is not null),
            QuantizationMethod = (Object(root, "quantization_config") ?? Object(root, "compression_config")) is { } quantization ? Text(quantization, "quant_method") : null,
            NeedsCode = Object(root, "auto_map") is not null,
            HasVision = Object(root, "vision_config") is not null,
            HasAudio = Object(root, "audio_config") is not null,
        };
    }

    /// <summary>Every text of the document can be read: UTF-8 without half surrogates, which the parser alone would let pass.</summary>
    public static JsonDocument ParseDocument(string path, ReadOnlyMemory<byte> json)
    {
        try
        {
            ReadOnlyMemory<byte> plain = PythonJson.WithoutSpecialNumbers(json);
            _ = Utf8.IsValid(plain.Span) ? 0 : throw new InvalidModelFileException(path, "it is not valid JSON: its text is not UTF-8.");
            CheckEscapes(plain.Span);
            return JsonDocument.Parse(plain, new JsonDocumentOptions { MaxDepth = MaxDepth, AllowTrailingCommas = true });
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new InvalidModelFileException(path, $"it is not valid JSON: {e.Message}");
        }
    }

    private static void CheckEscapes(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = MaxDepth, AllowTrailingCommas = true });
        while (reader.Read())
        {
            if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName && reader.ValueIsEscaped)
            {
                _ = reader.GetString();
            }
        }
    }

    public static string? Text(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text ? text : null;

    private static JsonElement? Object(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Object ? value : null;

    /// <summary>Null when the field is not there or null; another type is a mistake that a loader would stumble over too.</summary>
    private static string? DeclaredText(string path, JsonElement parent, string name) => Declared(parent, name) is not { } value ? null
        : value.ValueKind == JsonValueKind.String ? Text(parent, name)
        : throw Wrong(path, name, value, "a text");

    private static string? FirstArchitecture(string path, JsonElement root)
    {
        const string name = "architectures";
        if (Declared(root, name) is not { } list)
        {
            return null;
        }

        bool isTexts = list.ValueKind == JsonValueKind.Array && list.EnumerateArray().All(entry => entry.ValueKind == JsonValueKind.String);
        return !isTexts ? throw Wrong(path, name, list, "a list of texts") : list.GetArrayLength() > 0 ? list[0].GetString() : null;
    }

    private static long? Context(string path, JsonElement config)
    {
        foreach (string field in ContextFields)
        {
            if (Declared(config, field) is not { } value)
            {
                continue;
            }

            if (value.ValueKind != JsonValueKind.Number)
            {
                throw Wrong(path, field, value, "a number");
            }

            // 1e30 and -1 are how tools write "no limit": nothing is declared by them.
            if (value.TryGetDouble(out double tokens) && tokens is >= 1 and < 1e15 && double.IsInteger(tokens))
            {
                return (long)tokens;
            }
        }

        return null;
    }

    private static JsonElement? Declared(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static InvalidModelFileException Wrong(string path, string field, JsonElement value, string wanted) =>
        new(path, $"{field} is a JSON {value.ValueKind}; it must be {wanted}.");
}
