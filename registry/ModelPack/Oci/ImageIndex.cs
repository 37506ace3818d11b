using System.Buffers;
using System.Text.Json;

namespace AiModels.ModelPack.Oci;

/// <summary>An OCI image index (https://github.com/opencontainers/image-spec/blob/v1.1.0/image-index.md): a list of manifests, and the form of a referrers answer.</summary>
public sealed record ImageIndex
{
    public string MediaType { get; init; } = MediaTypes.OciIndex;
    public string? ArtifactType { get; init; }
    public IReadOnlyList<Descriptor> Manifests { get; init; } = [];
    public Descriptor? Subject { get; init; }
    public IReadOnlyDictionary<string, string>? Annotations { get; init; }

    /// <summary>Reads an index. Throws <see cref="OciFormatException"/> that names the field.</summary>
    public static ImageIndex Parse(ReadOnlyMemory<byte> content)
    {
        using JsonDocument document = JsonFields.ParseObject(content, "index", Manifest.MaxBytes);
        JsonElement root = document.RootElement;
        long version = JsonFields.RequiredLong(root, "", "schemaVersion");
        if (version != 2)
        {
            throw new OciFormatException("schemaVersion", $"must be 2, not {version}");
        }

        string mediaType = JsonFields.OptionalString(root, "", "mediaType", maxLength: 255) ?? MediaTypes.OciIndex;
        if (mediaType is not (MediaTypes.OciIndex or MediaTypes.DockerManifestList))
        {
            throw new OciFormatException("mediaType", $"'{mediaType}' is not an image index");
        }

        return new ImageIndex
        {
            MediaType = mediaType,
            ArtifactType = JsonFields.OptionalString(root, "", "artifactType", maxLength: 255),
            Manifests = Manifest.ReadDescriptors(root, "manifests"),
            Subject = JsonFields.Find(root, "subject") is { } subject ? Descriptor.Read(subject, "subject") : null,
            Annotations = JsonFields.OptionalStringMap(root, "", "annotations"),
        };
    }

    /// <summary>The canonical bytes.</summary>
    public byte[] Encode()
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(buffer, Manifest.Canonical))
        {
            json.WriteStartObject();
            json.WriteNumber("schemaVersion", 2);
            json.WriteString("mediaType", MediaType);
            if (ArtifactType is not null)
            {
                json.WriteString("artifactType", ArtifactType);
            }

            json.WriteStartArray("manifests");
            foreach (Descriptor manifest in Manifests)
            {
                manifest.Write(json);
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
}
