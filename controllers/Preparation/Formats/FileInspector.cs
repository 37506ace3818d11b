using AiModels.Controllers.Preparation.Archives;
using AiModels.Controllers.Preparation.Formats.Gguf;
using AiModels.Controllers.Preparation.Formats.Pickle;
using AiModels.Controllers.Preparation.Formats.Safetensors;

namespace AiModels.Controllers.Preparation.Formats;

/// <summary>
/// Looks into a model's files as far as their kinds need: headers of weights, the whole of small descriptions, the first bytes of everything else. What is
/// kept of all files of one model is bounded. Thread-safe.
/// </summary>
internal sealed class FileInspector
{
    // All descriptions and headers of a model: the index of the largest ones has some twenty megabytes, everything else some.
    private const long KeptLimit = 32 << 20;

    // Enough for every signature, ustar's at 257 included.
    private const int SignatureLength = 512;

    private long _kept;

    /// <summary>Whether such a file is read at several places: its directory is at the end.</summary>
    public static bool NeedsSeeking(SourceFile file) => HasExtension(file, ".bin");

    /// <summary>
    /// Opens the file at its beginning and reads as far as it needs; one that <see cref="NeedsSeeking"/> is opened several times.
    /// Throws <see cref="InvalidModelFileException"/>.
    /// </summary>
    /// <param name="source">Its name is the file's path.</param>
    public async Task<ModelFile> InspectAsync(IByteSource source, CancellationToken cancellationToken)
    {
        var file = new SourceFile(source.Name, source.Length);
        if (Interlocked.Read(ref _kept) > KeptLimit)
        {
            throw TooMuch(file);
        }

        await using Stream stream = await source.OpenAsync(0, cancellationToken);
        byte[] start = new byte[(int)Math.Min(SignatureLength, file.Length)];
        int read = await stream.ReadAtLeastAsync(start, start.Length, throwOnEndOfStream: false, cancellationToken);
        if (read < start.Length)
        {
            throw new InvalidModelFileException(file.Path, $"it ends after {read} of {file.Length} bytes.");
        }

        ModelFile inspected = await InspectAsync(source, file, start, stream, cancellationToken);
        long kept = (inspected.Content?.Length ?? 0) + (inspected.Gguf?.KeptBytes ?? 0) + ((inspected.Safetensors?.Tensors.Length ?? 0) * 16L);
        return Interlocked.Add(ref _kept, kept) <= KeptLimit ? inspected : throw TooMuch(file);
    }

    private static async Task<ModelFile> InspectAsync(IByteSource source, SourceFile file, byte[] start, Stream stream, CancellationToken cancellationToken)
    {
        await using var whole = new PrefixedStream(start, stream);
        var inspected = new ModelFile(file.Path, file.Length);
        if (DescriptionLimits.Of(file) is { } limit)
        {
            return inspected with { Content = await ReadContentAsync(whole, file, limit, cancellationToken) };
        }

        if (HasExtension(file, ".safetensors"))
        {
            return inspected with { Safetensors = await SafetensorsHeaderReader.ReadAsync(whole, file.Path, file.Length, cancellationToken) };
        }

        if (HasExtension(file, ".gguf") || GgufHeaderReader.HasMagic(start))
        {
            return inspected with { Gguf = await GgufHeaderReader.ReadAsync(whole, file.Path, file.Length, cancellationToken) };
        }

        if (NeedsSeeking(file))
        {
            long? elements = await TorchFile.CheckAsync(source, cancellationToken);
            return inspected with { IsPickle = true, PickledElements = elements };
        }

        return inspected with { Unwanted = FileSignature.Unwanted(start) };
    }

    private static InvalidModelFileException TooMuch(SourceFile file) =>
        new(file.Path, $"the descriptions and headers of the model's files take more than {KeptLimit} bytes up to here.");

    private static bool HasExtension(SourceFile file, string extension) => file.Path.EndsWith(extension, StringComparison.OrdinalIgnoreCase);

    private static async Task<ReadOnlyMemory<byte>> ReadContentAsync(Stream stream, SourceFile file, DescriptionLimit limit, CancellationToken cancellationToken)
    {
        if (file.Length > limit.Bytes && !limit.IsBeginningEnough)
        {
            throw new InvalidModelFileException(file.Path, $"it has {file.Length} bytes; at most {limit.Bytes} are read of such a file.");
        }

        byte[] content = new byte[Math.Min(file.Length, limit.Bytes)];
        int read = await stream.ReadAtLeastAsync(content, content.Length, throwOnEndOfStream: false, cancellationToken);
        return read == content.Length ? content : throw new InvalidModelFileException(file.Path, $"it ends after {read} of {file.Length} bytes.");
    }
}
