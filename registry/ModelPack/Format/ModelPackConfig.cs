using System.Buffers;
using System.Text.Json;
using AiModels.ModelPack.Oci;

namespace AiModels.ModelPack.Format;

/// <summary>
/// The config blob of a ModelPack (https://github.com/modelpack/model-spec/blob/main/docs/config.md). Holds what the files themselves say;
/// fields of the specification that would name people, places or times are never written, so that equal files give equal bytes.
/// </summary>
public sealed record ModelPackConfig
{
    // A digest takes 74 bytes; this is what belongs to the largest manifest, with room for the rest.
    public const int MaxBytes = 4 * 1024 * 1024;

    private const int MaxDiffIds = 42_000;

    public ModelDescription Description { get; init; } = new();

    /// <summary>Logical digest of each layer, in the order of the manifest.</summary>
    public required IReadOnlyList<Digest> DiffIds { get; init; }

    public byte[] Encode()
    {
        var buffer = new ArrayBufferWriter<byte>(4096);
        using (var json = new Utf8JsonWriter(buffer, Manifest.Canonical))
        {
            json.WriteStartObject();
            Description.Write(json);
            json.WriteStartObject("modelfs");
            json.WriteString("type", "layers");
            json.WriteStartArray("diffIds");
            foreach (Digest digest in DiffIds)
            {
                json.WriteStringValue(digest.ToString());
            }

            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Reads a config. The specification allows no other fields than its own. Throws <see cref="OciFormatException"/> that names the field.</summary>
    public static ModelPackConfig Parse(ReadOnlyMemory<byte> content)
    {
        using JsonDocument document = JsonFields.ParseObject(content, "config", MaxBytes);
        JsonElement root = document.RootElement;
        JsonFields.OnlyFields(root, "", "descriptor", "config", "modelfs");
        JsonElement files = JsonFields.RequiredObject(root, "", "modelfs");
        JsonFields.OnlyFields(files, "modelfs", "type", "diffIds");
        string type = JsonFields.RequiredString(files, "modelfs", "type");
        if (type != "layers")
        {
            throw new OciFormatException("modelfs.type", $"must be layers, not '{type}'");
        }

        JsonElement list = JsonFields.OptionalArray(files, "modelfs", "diffIds", MaxDiffIds) ?? throw new OciFormatException("modelfs.diffIds", "is required");
        var digests = new List<Digest>(list.GetArrayLength());
        foreach (JsonElement item in list.EnumerateArray())
        {
            string field = $"modelfs.diffIds[{digests.Count}]";
            digests.Add(item.ValueKind == JsonValueKind.String && Digest.TryParse(JsonFields.ReadString(item, field), out Digest digest)
                ? digest
                : throw new OciFormatException(field, "is not a digest"));
        }

        return new ModelPackConfig { Description = ModelDescription.Read(root), DiffIds = digests };
    }
}
