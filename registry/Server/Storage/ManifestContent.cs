using System.Globalization;
using System.Text.Json;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Api;

namespace AiModels.Registry.Storage;

/// <summary>
/// What a registry must know of a manifest. Read leniently: fields that the specification does not name are the client's business, and the bytes are kept as they came.
/// </summary>
internal sealed record ManifestContent
{
    /// <summary>4 MiB: what the specification asks every registry to accept at least, and what most accept at most.</summary>
    public const int MaxLength = Manifest.MaxBytes;

    // Deprecated before OCI 1.1 was final; some clients still push it.
    private const string OciArtifact = "application/vnd.oci.artifact.manifest.v1+json";

    private static readonly JsonDocumentOptions Parsing = new() { MaxDepth = 32, AllowDuplicateProperties = false };

    public required string MediaType { get; init; }

    /// <summary>Whether the document itself says its media type: without it, only the header of the push did.</summary>
    public required bool HasMediaType { get; init; }

    /// <summary>What its author should know although it is taken.</summary>
    public IEnumerable<string> Warnings
    {
        get
        {
            if (!HasMediaType)
            {
                yield return "The manifest has no field mediaType; clients that read it by digest alone cannot know its type.";
            }

            if (MediaType == OciArtifact)
            {
                yield return $"{OciArtifact} was withdrawn before OCI 1.1; push an image manifest with an artifactType.";
            }

            if (HasNonDistributable)
            {
                yield return "Non-distributable layers are deprecated since OCI 1.1.";
            }
        }
    }

    public string? ArtifactType { get; init; }

    public Digest? Subject { get; init; }

    /// <summary>Config and layers that must be in the repository. Layers that are fetched from elsewhere (<c>urls</c>, non-distributable) are not among them.</summary>
    public IReadOnlyList<ContentReference> Blobs { get; init; } = [];

    /// <summary>The config among them; artifact manifests and indexes have none.</summary>
    public ContentReference? Config { get; init; }

    /// <summary>Whether a layer has a media type that says that registries shall not have it.</summary>
    public bool HasNonDistributable { get; init; }

    /// <summary>The manifests of an index.</summary>
    public IReadOnlyList<ContentReference> Manifests { get; init; } = [];

    public IReadOnlyDictionary<string, string>? Annotations { get; init; }

    /// <summary>Reads a manifest.</summary>
    /// <param name="content">Its bytes.</param>
    /// <param name="contentType">The header it came with, without parameters, or null.</param>
    /// <exception cref="RegistryException">MANIFEST_INVALID, naming the field.</exception>
    public static ManifestContent Parse(ReadOnlyMemory<byte> content, string? contentType)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(content, Parsing);
            return Read(document.RootElement, contentType);
        }
        catch (JsonException failure)
        {
            throw Invalid($"The body is no JSON document: {failure.Message}", failure);
        }
        catch (InvalidOperationException failure)
        {
            // A property has another JSON type than asked for.
            throw Invalid(failure.Message, failure);
        }
    }

    private static ManifestContent Read(JsonElement root, string? contentType)
    {
        Require(root.ValueKind == JsonValueKind.Object, "A manifest is a JSON object.");
        string? stated = OptionalString(root, "mediaType");
        string mediaType = stated ?? contentType ?? throw Invalid("Neither the Content-Type header nor the field mediaType says what this is.");
        Require(contentType is null || stated is null || contentType == stated, $"mediaType: '{stated}' is not the Content-Type '{contentType}'.");
        bool isArtifact = mediaType == OciArtifact;
        Require(isArtifact || (root.TryGetProperty("schemaVersion", out JsonElement version) && version.ValueKind == JsonValueKind.Number && version.TryGetInt32(out int number) && number == 2), "schemaVersion: must be 2.");

        var result = new ManifestContent
        {
            MediaType = mediaType,
            HasMediaType = stated is not null,
            ArtifactType = OptionalString(root, "artifactType"),
            Subject = root.TryGetProperty("subject", out JsonElement subject) && subject.ValueKind != JsonValueKind.Null ? ReadReference(subject, "subject").Digest : null,
            Annotations = ReadAnnotations(root),
        };

        switch (mediaType)
        {
            case MediaTypes.OciManifest or MediaTypes.DockerManifest:
                Require(root.TryGetProperty("config", out JsonElement config), "config: is required.");
                Require(!root.TryGetProperty("manifests", out _), "manifests: has no place in an image manifest.");
                string configType = config.ValueKind == JsonValueKind.Object && OptionalString(config, "mediaType") is { Length: > 0 } type ? type : throw Invalid("config.mediaType: is required.");
                List<ContentReference> layers = [.. ReadList(root, "layers", isRequired: true)];
                ContentReference configReference = ReadReference(config, "config");
                return result with
                {
                    ArtifactType = string.IsNullOrEmpty(result.ArtifactType) ? configType : result.ArtifactType,
                    Config = configReference,
                    Blobs = [configReference, .. layers.Where(layer => !layer.IsElsewhere)],
                    HasNonDistributable = layers.Any(layer => layer.IsNonDistributable),
                };
            case MediaTypes.OciIndex or MediaTypes.DockerManifestList:
                Require(!root.TryGetProperty("layers", out _), "layers: has no place in an index.");
                return result with { Manifests = [.. ReadList(root, "manifests", isRequired: true).Where(manifest => !manifest.IsElsewhere)] };
            case OciArtifact:
                return result with { Blobs = [.. ReadList(root, "blobs", isRequired: false).Where(blob => !blob.IsElsewhere)] };
            default:
                throw Invalid($"'{mediaType}' is no type of manifest that this registry stores: want {MediaTypes.OciManifest}, {MediaTypes.OciIndex}, {MediaTypes.DockerManifest} or {MediaTypes.DockerManifestList}.");
        }
    }

    private static IEnumerable<ContentReference> ReadList(JsonElement root, string name, bool isRequired)
    {
        if (!root.TryGetProperty(name, out JsonElement list) || (list.ValueKind == JsonValueKind.Null && !isRequired))
        {
            Require(!isRequired, $"{name}: is required.");
            yield break;
        }

        Require(list.ValueKind == JsonValueKind.Array, $"{name}: must be a list.");
        int index = 0;
        foreach (JsonElement item in list.EnumerateArray())
        {
            yield return ReadReference(item, $"{name}[{index++}]");
        }
    }

    private static ContentReference ReadReference(JsonElement element, string path)
    {
        Require(element.ValueKind == JsonValueKind.Object, $"{path}: must be an object.");
        string? text = OptionalString(element, "digest");
        if (!Digest.TryParse(text, out Digest digest))
        {
            throw Invalid($"{path}.digest: '{text}' is no digest.");
        }

        Require(element.TryGetProperty("size", out JsonElement size) && size.ValueKind == JsonValueKind.Number && size.TryGetInt64(out _), $"{path}.size: must be a whole number.");
        Require(size.GetInt64() >= 0, $"{path}.size: {size.GetInt64()} is negative.");
        string mediaType = OptionalString(element, "mediaType") ?? "";
        bool hasUrls = element.TryGetProperty("urls", out JsonElement urls) && urls.ValueKind == JsonValueKind.Array && urls.GetArrayLength() > 0;
        bool isNonDistributable = mediaType.Contains(".nondistributable.", StringComparison.Ordinal) || mediaType.Contains(".foreign.", StringComparison.Ordinal);
        return new ContentReference(digest, size.GetInt64(), path, hasUrls || isNonDistributable)
        {
            IsNonDistributable = isNonDistributable,
            LogicalSize = ReadLogicalSize(element) ?? size.GetInt64(),
        };
    }

    /// <summary>What a chunk of a ModelPack is when it is unpacked. Only told to people, so that nonsense is no error.</summary>
    private static long? ReadLogicalSize(JsonElement element) =>
        element.TryGetProperty("annotations", out JsonElement annotations) && annotations.ValueKind == JsonValueKind.Object
        && annotations.TryGetProperty(LayerAnnotations.Length, out JsonElement length) && length.ValueKind == JsonValueKind.String
        && long.TryParse(length.GetString(), NumberStyles.None, CultureInfo.InvariantCulture, out long bytes) && bytes <= long.MaxValue / ManifestContent.MaxLength
            ? bytes
            : null;

    private static Dictionary<string, string>? ReadAnnotations(JsonElement root)
    {
        if (!root.TryGetProperty("annotations", out JsonElement annotations) || annotations.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        Require(annotations.ValueKind == JsonValueKind.Object, "annotations: must be an object.");
        return annotations.EnumerateObject().ToDictionary(property => property.Name, TextOf, StringComparer.Ordinal);

        static string TextOf(JsonProperty property) => property.Value.ValueKind is JsonValueKind.String or JsonValueKind.Null
            ? property.Value.GetString() ?? ""
            : throw Invalid($"annotations.{property.Name}: must be a string.");
    }

    private static string? OptionalString(JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null
            ? value.ValueKind == JsonValueKind.String ? value.GetString() : throw Invalid($"{name}: must be a string.")
            : null;

    private static void Require(bool condition, string otherwise)
    {
        if (!condition)
        {
            throw Invalid(otherwise);
        }
    }

    private static RegistryException Invalid(string detail, Exception? inner = null) => new(RegistryError.ManifestInvalid, detail, inner);
}

/// <summary>Content that a manifest names.</summary>
/// <param name="Digest">Its digest.</param>
/// <param name="Size">Its announced length.</param>
/// <param name="Path">Where in the manifest it is named, for errors.</param>
/// <param name="IsElsewhere">Whether clients get it from somewhere else, so that it need not be here.</param>
internal readonly record struct ContentReference(Digest Digest, long Size, string Path, bool IsElsewhere)
{
    /// <summary>Bytes of the file that it is a part of, before compression; <see cref="Size"/> where nothing else is said.</summary>
    public long LogicalSize { get; init; } = Size;

    /// <summary>Whether its media type is one of those that registries were not to have.</summary>
    public bool IsNonDistributable { get; init; }
}
