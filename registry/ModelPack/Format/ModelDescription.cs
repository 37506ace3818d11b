using System.Text.Json;
using AiModels.ModelPack.Oci;

namespace AiModels.ModelPack.Format;

/// <summary>
/// What a ModelPack config says about the model, as far as the model's own files say it. Every field may be missing.
/// Section "descriptor" and "config" of https://github.com/modelpack/model-spec/blob/main/docs/config.md.
/// </summary>
public sealed record ModelDescription
{
    /// <summary>descriptor.family: qwen2, llama …</summary>
    public string? Family { get; init; }

    /// <summary>descriptor.revision: of the source. Not part of a finished model, whose digest depends on its files alone.</summary>
    public string? Revision { get; init; }

    /// <summary>descriptor.licenses: SPDX expressions.</summary>
    public IReadOnlyList<string>? Licenses { get; init; }

    /// <summary>config.architecture, for instance transformer.</summary>
    public string? Architecture { get; init; }

    /// <summary>config.format: safetensors, gguf, onnx, pt.</summary>
    public string? Format { get; init; }

    /// <summary>config.paramSize, for instance 6.7B. <see cref="ParameterSize"/> writes it.</summary>
    public string? ParamSize { get; init; }

    /// <summary>config.precision, for instance bfloat16.</summary>
    public string? Precision { get; init; }

    /// <summary>config.quantization, for instance awq.</summary>
    public string? Quantization { get; init; }

    /// <summary>config.capabilities.inputTypes: text, image, audio, video, embedding, other.</summary>
    public IReadOnlyList<string>? InputTypes { get; init; }

    /// <summary>config.capabilities.outputTypes.</summary>
    public IReadOnlyList<string>? OutputTypes { get; init; }

    /// <summary>config.capabilities.toolUsage.</summary>
    public bool? ToolUsage { get; init; }

    /// <summary>A parameter count the way the specification wants it: at most one decimal and a unit, for instance 6.7B; null below a thousand.</summary>
    public static string? ParameterSize(long? count)
    {
        (long Unit, char Letter)[] units = [(1_000_000_000_000_000, 'Q'), (1_000_000_000_000, 'T'), (1_000_000_000, 'B'), (1_000_000, 'M'), (1_000, 'K')];
        foreach ((long unit, char letter) in units)
        {
            if (count >= unit)
            {
                long tenths = (long)Math.Round((decimal)count.Value * 10 / unit, MidpointRounding.ToEven);
                return tenths % 10 == 0 ? $"{tenths / 10}{letter}" : $"{tenths / 10}.{tenths % 10}{letter}";
            }
        }

        return null;
    }

    internal void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("descriptor");
        WriteString(json, "family", Family);
        WriteString(json, "revision", Revision);
        WriteList(json, "licenses", Licenses);
        json.WriteEndObject();
        json.WriteStartObject("config");
        WriteString(json, "architecture", Architecture);
        WriteString(json, "format", Format);
        WriteString(json, "paramSize", ParamSize);
        WriteString(json, "precision", Precision);
        WriteString(json, "quantization", Quantization);
        if (InputTypes is not null || OutputTypes is not null || ToolUsage is not null)
        {
            json.WriteStartObject("capabilities");
            WriteList(json, "inputTypes", InputTypes);
            WriteList(json, "outputTypes", OutputTypes);
            if (ToolUsage is { } toolUsage)
            {
                json.WriteBoolean("toolUsage", toolUsage);
            }

            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    internal static ModelDescription Read(JsonElement root)
    {
        JsonElement descriptor = JsonFields.RequiredObject(root, "", "descriptor");
        JsonFields.OnlyFields(
            descriptor, "descriptor", "createdAt", "authors", "vendor", "family", "name", "version", "title", "description", "docURL", "sourceURL", "datasetsURL", "revision", "licenses");
        JsonElement config = JsonFields.RequiredObject(root, "", "config");
        JsonFields.OnlyFields(config, "config", "architecture", "format", "paramSize", "precision", "quantization", "capabilities");
        JsonElement? capabilities = JsonFields.Find(config, "capabilities") is null ? null : JsonFields.RequiredObject(config, "config", "capabilities");
        if (capabilities is { } given)
        {
            JsonFields.OnlyFields(given, "config.capabilities", "inputTypes", "outputTypes", "knowledgeCutoff", "reasoning", "toolUsage", "reward", "languages");
        }

        return new ModelDescription
        {
            Family = JsonFields.OptionalString(descriptor, "descriptor", "family"),
            Revision = JsonFields.OptionalString(descriptor, "descriptor", "revision"),
            Licenses = JsonFields.OptionalStrings(descriptor, "descriptor", "licenses"),
            Architecture = JsonFields.OptionalString(config, "config", "architecture"),
            Format = JsonFields.OptionalString(config, "config", "format"),
            ParamSize = JsonFields.OptionalString(config, "config", "paramSize"),
            Precision = JsonFields.OptionalString(config, "config", "precision"),
            Quantization = JsonFields.OptionalString(config, "config", "quantization"),
            InputTypes = capabilities is { } c ? JsonFields.OptionalStrings(c, "config.capabilities", "inputTypes") : null,
            OutputTypes = capabilities is { } d ? JsonFields.OptionalStrings(d, "config.capabilities", "outputTypes") : null,
            ToolUsage = capabilities is { } e && JsonFields.Find(e, "toolUsage") is { } toolUsage ? JsonFields.ReadBoolean(toolUsage, "config.capabilities.toolUsage") : null,
        };
    }

    private static void WriteString(Utf8JsonWriter json, string name, string? value)
    {
        if (value is not null)
        {
            json.WriteString(name, value);
        }
    }

    private static void WriteList(Utf8JsonWriter json, string name, IReadOnlyList<string>? values)
    {
        if (values is null)
        {
            return;
        }

        json.WriteStartArray(name);
        foreach (string value in values)
        {
            json.WriteStringValue(value);
        }

        json.WriteEndArray();
    }
}
