using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace AiModels.ModelPack.Oci;

/// <summary>An OCI image manifest (https://github.com/opencontainers/image-spec/blob/v1.1.0/manifest.md); Docker's schema 2 reads the same way.</summary>
public sealed record Manifest
{
    /// <summary>4 MiB: the size every registry must accept (distribution specification, "Pushing Manifests").</summary>
    public const int MaxBytes = 4 * 1024 * 1024;

    // A layer takes at least 100 bytes, so this many would not fit into MaxBytes anyway.
    private const int MaxLayers = 42_000;

    /// <summary>How documents of ours are written: no white space and no needless escapes, so that one value has one encoding.</summary>
    internal static readonly JsonWriterOptions Canonical = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public string MediaType { get; init; } = MediaTypes.OciManifest;
    public string? ArtifactType { get; init; }
    public required Descriptor Config { get; init; }
    public IReadOnlyList<Descriptor> Layers { get; init; } = [];
    public Descriptor? Subject { get; init; }
    public IReadOnlyDictionary<string, string>? Annotations { get; init; }

    /// <summary>Config and layers: what must be in the registry before this manifest may be.</summary>
    public IEnumerable<Descriptor> Blobs => Layers.Prepend(Config);

    /// <summary>Reads a manifest. Throws <see cref="OciFormatException"/> that names the field.</summary>
    public static Manifest Parse(ReadOnlyMemory<byte> content)
    {
        using JsonDocument document = JsonFields.ParseObject(content, "manifest", MaxBytes);
        JsonElement root = document.RootElement;
        long version = JsonFields.RequiredLong(root, "", "schemaVersion");
        if (version != 2)
        {
            throw new OciFormatException("schemaVersion", $"must be 2, not {version}");
        }

        string mediaType = JsonFields.OptionalString(root, "", "mediaType", maxLength: 255) ?? MediaTypes.OciManifest;
        if (mediaType is not (MediaTypes.OciManifest or MediaTypes.DockerManifest))
        {
            throw new OciFormatException("mediaType", $"'{mediaType}' is not an image manifest");
        }

        return new Manifest
        {
            MediaType = mediaType,
            ArtifactType = JsonFields.OptionalString(root, "", "artifactType", maxLength: 255),
            Config = Descriptor.Read(JsonFields.RequiredObject(root, "", "config"), "config"),
            Layers = ReadDescriptors(root, "layers"),
            Subject = JsonFields.Find(root, "subject") is { } subject ? Descriptor.Read(subject, "subject") : null,
            Annotations = JsonFields.OptionalStringMap(root, "", "annotations"),
        };
    }

    /// <summary>The canonical bytes: field order of the specification, no white space. Equal manifests give equal bytes.</summary>
    public byte[] Encode()
    {
        var buffer = new ArrayBufferWriter<byte>(4096);
        using (var json = new Utf8JsonWriter(buffer, Canonical))
        {
            json.WriteStartObject();
            json.WriteNumber("schemaVersion", 2);
            json.WriteString("mediaType", MediaType);
            if (ArtifactType is not null)
            {
                json.WriteString("artifactType", ArtifactType);
            }

            json.WritePropertyName("config");
            Config.Write(json);
            json.WriteStartArray("layers");
            foreach (Descriptor layer in Layers)
            {
                layer.Write(json);
            }

            json.WriteEndArray();
            if (Subject is not null)
            {
                json.WritePropertyName("subject");
                Subject.Write(json);
            }

            Descriptor.WriteAnnotations(json, Annotations);
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    internal static List<Descriptor> ReadDescriptors(JsonElement root, string name)
    {
        JsonElement list = JsonFields.OptionalArray(root, "", name, MaxLayers) ?? throw new OciFormatException(name, "is required");
        var descriptors = new List<Descriptor>(list.GetArrayLength());
        foreach (JsonElement item in list.EnumerateArray())
        {
            descriptors.Add(Descriptor.Read(item, $"{name}[{descriptors.Count}]"));
        }

        return descriptors;
    }
}
