using AiModels.Controllers.Preparation.Archives;
using AiModels.Controllers.Preparation.Formats.Gguf;
using AiModels.Controllers.Preparation.Formats.Pickle;
using AiModels.Controllers.Preparation.Formats.Safetensors;

namespace AiModels.Controllers.Preparation.Formats;

/// <summary>Looks into a file as far as its kind needs: headers of weights, the whole of small descriptions, the first bytes of everything else.</summary>
internal static class FileInspector
{
    // Descriptions are kilobytes; the index of the largest sharded models some megabytes.
    private const int ContentLimit = 32 * 1024 * 1024;

    // Enough for every signature, ustar's at 257 included.
    private const int SignatureLength = 512;

    /// <summary>Whether such a file is read at several places: its directory is at the end.</summary>
    public static bool NeedsSeeking(SourceFile file) => HasExtension(file, ".bin");

    /// <summary>
    /// Opens the file at its beginning and reads as far as it needs; one that <see cref="NeedsSeeking"/> is opened several times.
    /// Throws <see cref="InvalidModelFileException"/>.
    /// </summary>
    /// <param name="source">Its name is the file's path.</param>
    public static async Task<ModelFile> InspectAsync(IByteSource source, CancellationToken cancellationToken)
    {
        var file = new SourceFile(source.Name, source.Length);
        if (NeedsSeeking(file))
        {
            await TorchFile.CheckAsync(source, cancellationToken);
            return new ModelFile(file.Path, file.Length) { IsPickle = true };
        }

        await using Stream stream = await source.OpenAsync(0, cancellationToken);
        byte[] start = new byte[(int)Math.Min(SignatureLength, file.Length)];
        int read = await stream.ReadAtLeastAsync(start, start.Length, throwOnEndOfStream: false, cancellationToken);
        if (read < start.Length)
        {
            throw new InvalidModelFileException(file.Path, $"it ends after {read} of {file.Length} bytes.");
        }

        await using var whole = new PrefixedStream(start, stream);
        var inspected = new ModelFile(file.Path, file.Length);
        if (HasExtension(file, ".gguf") || GgufHeaderReader.HasMagic(start))
        {
            return inspected with { Gguf = await GgufHeaderReader.ReadAsync(whole, file.Path, file.Length, cancellationToken) };
        }

        if (HasExtension(file, ".safetensors"))
        {
            return inspected with { Safetensors = await SafetensorsHeaderReader.ReadAsync(whole, file.Path, file.Length, cancellationToken) };
        }

        if (IsDescription(file))
        {
            return inspected with { Content = await ReadContentAsync(whole, file, cancellationToken) };
        }

        return inspected with { Unwanted = FileSignature.Unwanted(start) };
    }

    private static bool HasExtension(SourceFile file, string extension) => file.Path.EndsWith(extension, StringComparison.OrdinalIgnoreCase);

    private static bool IsDescription(SourceFile file) =>
        file.Name is "config.json" or "tokenizer_config.json" or "chat_template.jinja" or "chat_template.json" or "modules.json" or "model_index.json"
            or "adapter_config.json" or "generation_config.json" or "README.md"
        || WeightIndex.IsIndex(file);

    private static async Task<ReadOnlyMemory<byte>> ReadContentAsync(Stream stream, SourceFile file, CancellationToken cancellationToken)
    {
        if (file.Length > ContentLimit)
        {
            // A README of that size is nobody's model card; a configuration of that size is no configuration.
            return file.Name == "README.md"
                ? ReadOnlyMemory<byte>.Empty
                : throw new InvalidModelFileException(file.Path, $"it has {file.Length} bytes; at most {ContentLimit} are read of such a file.");
        }

        byte[] content = new byte[file.Length];
        int read = await stream.ReadAtLeastAsync(content, content.Length, throwOnEndOfStream: false, cancellationToken);
        return read == content.Length ? content : throw new InvalidModelFileException(file.Path, $"it ends after {read} of {file.Length} bytes.");
    }
}
