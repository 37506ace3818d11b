using System.Text.Json;

namespace AiModels.ModelPack.Oci;

/// <summary>
/// Points at content by media type, digest and size
/// (https://github.com/opencontainers/image-spec/blob/v1.1.0/descriptor.md). Fields we have no use for (urls, data, platform) are not kept.
/// </summary>
public sealed record Descriptor
{
    public required string MediaType { get; init; }
    public required Digest Digest { get; init; }

    /// <summary>Bytes as stored.</summary>
    public required long Size { get; init; }

    public string? ArtifactType { get; init; }
    public IReadOnlyDictionary<string, string>? Annotations { get; init; }

    /// <summary>The value of an annotation, or null.</summary>
    public string? Annotation(string name) => Annotations is not null && Annotations.TryGetValue(name, out string? value) ? value : null;

    /// <summary>Reads a descriptor; <paramref name="path"/> is where it stands in its document.</summary>
    internal static Descriptor Read(JsonElement element, string path)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            throw new OciFormatException(path, "must be an object");
        }

        return new Descriptor
        {
            MediaType = JsonFields.RequiredString(element, path, "mediaType", maxLength: 255),
            Digest = JsonFields.RequiredDigest(element, path, "digest"),
            Size = JsonFields.RequiredLong(element, path, "size"),
            ArtifactType = JsonFields.OptionalString(element, path, "artifactType", maxLength: 255),
            Annotations = JsonFields.OptionalStringMap(element, path, "annotations"),
        };
    }

    /// <summary>Writes the descriptor; annotations in ordinal order, so that equal descriptors are equal bytes.</summary>
    internal void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("mediaType", MediaType);
        json.WriteString("digest", Digest.ToString());
        json.WriteNumber("size", Size);
        if (ArtifactType is not null)
        {
            json.WriteString("artifactType", ArtifactType);
        }

        WriteAnnotations(json, Annotations);
        json.WriteEndObject();
    }

    internal static void WriteAnnotations(Utf8JsonWriter json, IReadOnlyDictionary<string, string>? annotations)
    {
        if (annotations is not { Count: > 0 })
        {
            return;
        }

        json.WriteStartObject("annotations");
        foreach ((string name, string value) in annotations.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            json.WriteString(name, value);
        }

        json.WriteEndObject();
    }
}
