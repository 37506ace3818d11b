using AiModels.ModelPack.Chunking;
using AiModels.ModelPack.Client;
using AiModels.ModelPack.Compression;
using AiModels.ModelPack.Format;
using AiModels.ModelPack.Oci;

namespace AiModels.ModelPack;

/// <summary>
/// An artifact of a registry, read by digest: every byte it gives out has been verified against it. Thread-safe.
/// </summary>
public sealed class ModelPackReader
{
    private readonly RegistryClient _client;
    private readonly string _repository;
    private readonly ChunkDecoder _decoder = new(ZstdCompressor.Shared);

    private ModelPackReader(RegistryClient client, string repository, Digest digest, Manifest manifest, ModelPackConfig config)
    {
        _client = client;
        _repository = repository;
        Digest = digest;
        Manifest = manifest;
        Config = config;
        Files = ModelPackManifest.ReadFiles(manifest, config);
    }

    /// <summary>Digest of the manifest.</summary>
    public Digest Digest { get; }

    public Manifest Manifest { get; }

    public ModelPackConfig Config { get; }

    /// <summary>In the order of the manifest.</summary>
    public IReadOnlyList<FileEntry> Files { get; }

    /// <summary>Bytes of all files.</summary>
    public long LogicalBytes => Files.Sum(file => file.Length);

    /// <summary>
    /// Reads manifest and config. <paramref name="reference"/> is a digest, or a tag that is trusted to point at the right thing.
    /// Throws <see cref="FileNotFoundException"/> when it is not there, <see cref="FormatException"/> when it is no ModelPack this version reads.
    /// </summary>
    public static async Task<ModelPackReader> OpenAsync(RegistryClient client, string repository, string reference, CancellationToken cancellationToken)
    {
        ManifestContent content = await client.GetManifestAsync(repository, reference, cancellationToken)
            ?? throw new FileNotFoundException($"The registry has no manifest '{reference}' in {repository}.");
        Manifest manifest = Manifest.Parse(content.Content);
        if (manifest.Config.MediaType != MediaTypes.ModelConfig)
        {
            throw new OciFormatException("config.mediaType", $"'{manifest.Config.MediaType}' is not a model's: want {MediaTypes.ModelConfig}");
        }

        byte[] config = await client.GetBlobBytesAsync(repository, manifest.Config, ModelPackConfig.MaxBytes, cancellationToken);
        return new ModelPackReader(client, repository, content.Digest, manifest, ModelPackConfig.Parse(config));
    }

    /// <summary>
    /// A seekable stream over a file. Fetches whole chunks, verifies each before the first byte of it is given out, keeps one or two in memory.
    /// </summary>
    public Stream OpenRead(FileEntry file) => new ModelFileStream(file, OpenChunkAsync, _decoder);

    /// <summary>Copies a file, several chunks at once, in bounded memory. Completes when every chunk that was not present is written and verified.</summary>
    public Task CopyToAsync(FileEntry file, IFileTarget target, CopyOptions options, CancellationToken cancellationToken)
    {
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = options.Parallelism, CancellationToken = cancellationToken };
        return Parallel.ForEachAsync(
            file.Chunks.Where(chunk => options.IsPresent?.Invoke(chunk) != true),
            parallel,
            async (chunk, cancellation) => await CopyChunkAsync(chunk, target, options, cancellation));
    }

    /// <summary>Copies one chunk: for callers that schedule chunks of several files themselves.</summary>
    public async Task CopyChunkAsync(ChunkEntry chunk, IFileTarget target, CopyOptions options, CancellationToken cancellationToken)
    {
        await using Stream stored = await OpenChunkAsync(chunk, cancellationToken);
        await _decoder.DecodeAsync(chunk, stored, Receive, cancellationToken);
        if (options.OnVerified is { } onVerified)
        {
            await onVerified(chunk, cancellationToken);
        }

        async ValueTask Receive(long offset, ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
        {
            await target.WriteAsync(offset, bytes, cancellation);
            options.OnBytes?.Invoke(bytes.Length);
        }
    }

    private Task<Stream> OpenChunkAsync(ChunkEntry chunk, CancellationToken cancellationToken) =>
        _client.GetBlobAsync(_repository, chunk.StoredDigest, chunk.StoredLength, 0, chunk.StoredLength, cancellationToken);
}
