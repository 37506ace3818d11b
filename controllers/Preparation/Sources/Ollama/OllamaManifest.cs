using System.Net;
using System.Text.Json;
using AiModels.Controllers.Preparation.Sources.Hubs;
using AiModels.ModelPack.Oci;

namespace AiModels.Controllers.Preparation.Sources.Ollama;

/// <summary>A blob that a manifest names.</summary>
internal sealed record OllamaDescriptor(string MediaType, Digest Digest, long Size);

/// <summary>A manifest of Ollama's registry: an image manifest of Docker whose layers are the parts of a model. Parsed by content, whatever its type is called.</summary>
internal sealed record OllamaManifest(Digest Digest, OllamaDescriptor Config, IReadOnlyList<OllamaDescriptor> Layers)
{
    /// <summary>A GGUF file.</summary>
    public const string ModelLayer = "application/vnd.ollama.image.model";

    /// <summary>A LoRA to be put onto the model.</summary>
    public const string AdapterLayer = "application/vnd.ollama.image.adapter";

    /// <summary>The part that turns pictures or sound into what the model reads, a GGUF file of its own.</summary>
    public const string ProjectorLayer = "application/vnd.ollama.image.projector";

    /// <summary>How turns become a prompt, a Go template.</summary>
    public const string TemplateLayer = "application/vnd.ollama.image.template";

    /// <summary>One tensor of a Safetensors model.</summary>
    public const string TensorLayer = "application/vnd.ollama.image.tensor";

    /// <summary>Throws <see cref="HubException"/> with the field that is wrong.</summary>
    public static OllamaManifest Parse(byte[] content, OllamaReference reference)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(content);
            JsonElement root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("layers", out JsonElement layers) || layers.ValueKind != JsonValueKind.Array)
            {
                throw Invalid(reference, "it has no list 'layers'");
            }

            return new OllamaManifest(
                Digest.Sha256Of(content),
                Read(root.TryGetProperty("config", out JsonElement config) ? config : default, "config", reference),
                [.. layers.EnumerateArray().Select((layer, index) => Read(layer, $"layers[{index}]", reference))]);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // The second: a text with half a surrogate, which the parser lets pass until it is read.
            throw Invalid(reference, $"it is no JSON: {e.Message}");
        }
    }

    /// <summary>What is wrong with the manifest, as an error that does not pass by itself.</summary>
    public static HubException Invalid(OllamaReference reference, string problem) => new($"The manifest of {reference} cannot be used: {problem}.", HttpStatusCode.BadRequest);

    private static OllamaDescriptor Read(JsonElement descriptor, string field, OllamaReference reference)
    {
        if (descriptor.ValueKind != JsonValueKind.Object)
        {
            throw Invalid(reference, $"{field} is no descriptor");
        }

        // A digest becomes part of an address: nothing that is not exactly one gets that far.
        string? text = Text(descriptor, "digest");
        if (!Digest.TryParse(text, out Digest digest) || digest.Algorithm != "sha256")
        {
            throw Invalid(reference, $"{field}.digest is '{text}', want sha256: and 64 lower-case hex digits");
        }

        return descriptor.TryGetProperty("size", out JsonElement number) && number.ValueKind == JsonValueKind.Number && number.TryGetInt64(out long size) && size >= 0
            ? new OllamaDescriptor(Text(descriptor, "mediaType") ?? "", digest, size)
            : throw Invalid(reference, $"{field}.size is no number of bytes");
    }

    private static string? Text(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
