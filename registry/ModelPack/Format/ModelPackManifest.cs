using System.Globalization;
using AiModels.ModelPack.Chunking;
using AiModels.ModelPack.Oci;

namespace AiModels.ModelPack.Format;

/// <summary>
/// How files become layers and layers become files. Files stand in ordinal order of their paths. A file of one raw chunk is one plain
/// ModelPack layer; a larger file is a run of chunk layers that say which part of it they are.
/// </summary>
public static class ModelPackManifest
{
    /// <summary>
    /// Manifest and config for these files. Equal files give equal bytes. Throws <see cref="ModelPackFormatException"/> when paths clash,
    /// chunks do not cover their file, or there is no file at all.
    /// </summary>
    /// <param name="files">In any order.</param>
    /// <param name="description">What the files say about the model.</param>
    /// <param name="artifactType">A model, or <see cref="MediaTypes.UploadManifest"/>.</param>
    public static PackedManifest Build(IEnumerable<FileEntry> files, ModelDescription description, string artifactType = MediaTypes.ModelManifest)
    {
        FileEntry[] ordered = [.. files.OrderBy(file => file.Path, StringComparer.Ordinal)];
        Check(ordered);
        var layers = new List<Descriptor>();
        var diffIds = new List<Digest>();
        foreach (FileEntry file in ordered)
        {
            foreach (ChunkEntry chunk in file.Chunks)
            {
                layers.Add(Layer(file, chunk));
                diffIds.Add(chunk.LogicalDigest);
            }
        }

        byte[] config = new ModelPackConfig { Description = description, DiffIds = diffIds }.Encode();
        var manifest = new Manifest
        {
            ArtifactType = artifactType,
            Config = new Descriptor { MediaType = MediaTypes.ModelConfig, Digest = Digest.Sha256Of(config), Size = config.Length },
            Layers = layers,
        };
        byte[] content = manifest.Encode();
        return content.Length <= Manifest.MaxBytes
            ? new PackedManifest { Files = ordered, Config = config, ConfigDigest = manifest.Config.Digest, Content = content, Digest = Digest.Sha256Of(content) }
            : throw new ModelPackFormatException($"The manifest would have {content.Length} bytes, more than the {Manifest.MaxBytes} registries accept: {ordered.Length} files with {layers.Count} chunks are too many.");
    }

    /// <summary>The files that a manifest and its config describe. Throws <see cref="ModelPackFormatException"/> or <see cref="OciFormatException"/>.</summary>
    public static IReadOnlyList<FileEntry> ReadFiles(Manifest manifest, ModelPackConfig config)
    {
        if (config.DiffIds.Count != manifest.Layers.Count)
        {
            throw new ModelPackFormatException($"modelfs.diffIds has {config.DiffIds.Count} digests, the manifest has {manifest.Layers.Count} layers.");
        }

        var files = new List<FileEntry>();
        var chunks = new List<ChunkEntry>();
        for (int i = 0; i < manifest.Layers.Count; i++)
        {
            Descriptor layer = manifest.Layers[i];
            string path = layer.Annotation(LayerAnnotations.FilePath) ?? throw new OciFormatException($"layers[{i}].annotations[{LayerAnnotations.FilePath}]", "is required");
            chunks.Add(ReadChunk(layer, config.DiffIds[i], chunks.Count, $"layers[{i}]"));
            bool isLastOfFile = i + 1 == manifest.Layers.Count || manifest.Layers[i + 1].Annotation(LayerAnnotations.FilePath) != path;
            if (isLastOfFile)
            {
                files.Add(new FileEntry { Path = path, Chunks = chunks });
                chunks = [];
            }
        }

        Check(files);
        return files;
    }

    private static Descriptor Layer(FileEntry file, ChunkEntry chunk)
    {
        bool isWholeFile = file.Chunks.Count == 1 && chunk.Encoding == ChunkEncoding.Raw;
        var annotations = new SortedDictionary<string, string>(StringComparer.Ordinal) { [LayerAnnotations.FilePath] = file.Path };
        if (!isWholeFile)
        {
            annotations[LayerAnnotations.Offset] = chunk.Offset.ToString(CultureInfo.InvariantCulture);
            annotations[LayerAnnotations.Length] = chunk.Length.ToString(CultureInfo.InvariantCulture);
        }

        return new Descriptor
        {
            MediaType = isWholeFile ? file.Kind.RawMediaType() : chunk.Encoding == ChunkEncoding.Zstd ? MediaTypes.ChunkZstd : MediaTypes.ChunkRaw,
            Digest = chunk.StoredDigest,
            Size = chunk.StoredLength,
            Annotations = annotations,
        };
    }

    private static ChunkEntry ReadChunk(Descriptor layer, Digest diffId, int index, string path)
    {
        bool isChunk = layer.MediaType is MediaTypes.ChunkRaw or MediaTypes.ChunkZstd;
        bool isWholeFile = layer.MediaType is MediaTypes.WeightRaw or MediaTypes.WeightConfigRaw or MediaTypes.DocRaw or MediaTypes.CodeRaw;
        if (!isChunk && !isWholeFile)
        {
            throw new OciFormatException($"{path}.mediaType", $"'{layer.MediaType}' is no layer this version can read");
        }

        return new ChunkEntry
        {
            Index = index,
            Offset = isChunk ? ReadNumber(layer, LayerAnnotations.Offset, path) : 0,
            Length = isChunk ? ReadNumber(layer, LayerAnnotations.Length, path) : layer.Size,
            LogicalDigest = diffId,
            StoredDigest = layer.Digest,
            StoredLength = layer.Size,
            Encoding = layer.MediaType == MediaTypes.ChunkZstd ? ChunkEncoding.Zstd : ChunkEncoding.Raw,
        };
    }

    private static long ReadNumber(Descriptor layer, string annotation, string path) =>
        long.TryParse(layer.Annotation(annotation), NumberStyles.None, CultureInfo.InvariantCulture, out long number) && number <= long.MaxValue / 2
            ? number
            : throw new OciFormatException($"{path}.annotations[{annotation}]", "must be a whole number of at least 0");

    private static void Check(IReadOnlyCollection<FileEntry> files)
    {
        string? problem = files.Count == 0
            ? "there are no files"
            : ModelPath.SetProblem(files.Select(file => file.Path)) ?? files.Select(file => file.Problem()).FirstOrDefault(found => found is not null);
        if (problem is not null)
        {
            throw new ModelPackFormatException($"The files make no model: {problem}.");
        }
    }
}

/// <summary>A manifest and its config, ready to be pushed.</summary>
public sealed record PackedManifest
{
    /// <summary>In ordinal order of their paths.</summary>
    public required IReadOnlyList<FileEntry> Files { get; init; }

    public required ReadOnlyMemory<byte> Config { get; init; }
    public required Digest ConfigDigest { get; init; }
    public required ReadOnlyMemory<byte> Content { get; init; }

    /// <summary>Digest of the manifest: the artifact's identity.</summary>
    public required Digest Digest { get; init; }

    /// <summary>Bytes of all files.</summary>
    public long LogicalBytes => Files.Sum(file => file.Length);

    /// <summary>Bytes of all distinct blobs.</summary>
    public long StoredBytes => Files.SelectMany(file => file.Chunks).DistinctBy(chunk => chunk.StoredDigest).Sum(chunk => chunk.StoredLength);
}
