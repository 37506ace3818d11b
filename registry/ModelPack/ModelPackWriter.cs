using AiModels.ModelPack.Chunking;
using AiModels.ModelPack.Client;
using AiModels.ModelPack.Compression;
using AiModels.ModelPack.Format;
using AiModels.ModelPack.Oci;

namespace AiModels.ModelPack;

/// <summary>Makes an artifact in one repository: files become chunks, and in the end manifest and config say what they are. Thread-safe.</summary>
public sealed class ModelPackWriter(RegistryClient client, string repository)
{
    private readonly RegistryBlobSink _sink = new(client, repository);
    private readonly ChunkEncoder _encoder = new(ZstdCompressor.Shared);

    /// <summary>A writer for one file's bytes, for whoever receives them piece by piece.</summary>
    public ChunkedFileWriter OpenFile(ChunkedFileWriterOptions options) => new(_sink, _encoder, options);

    /// <summary>
    /// Stores a file from a stream, which begins after the last chunk of <see cref="ChunkedFileWriterOptions.Committed"/>.
    /// Throws <see cref="ModelPackFormatException"/> when the path may not be used, <see cref="InvalidDataException"/> when the length is not the announced one.
    /// </summary>
    public async Task<FileEntry> WriteFileAsync(string path, Stream content, ChunkedFileWriterOptions options, CancellationToken cancellationToken)
    {
        if (ModelPath.Problem(path) is { } problem)
        {
            throw new ModelPackFormatException($"Path '{path}' {problem}.");
        }

        await using ChunkedFileWriter writer = OpenFile(options);
        await writer.WriteFromAsync(content, cancellationToken);
        return new FileEntry { Path = path, Chunks = await writer.CompleteAsync(cancellationToken) };
    }

    /// <summary>Pushes config and manifest of files whose chunks are in the repository, and tags it. Doing it again changes nothing.</summary>
    public async Task<PackedManifest> PublishAsync(
        IEnumerable<FileEntry> files, ModelDescription description, string tag, CancellationToken cancellationToken, string artifactType = MediaTypes.ModelManifest)
    {
        PackedManifest packed = ModelPackManifest.Build(files, description, artifactType);
        await _sink.PutAsync(packed.ConfigDigest, new(packed.Config), cancellationToken);
        await client.PutManifestAsync(repository, tag, MediaTypes.OciManifest, packed.Content, cancellationToken);
        return packed;
    }
}
