using AiModels.Controllers.Preparation.Archives;

namespace AiModels.Controllers.Preparation.Formats.Pickle;

/// <summary>
/// A file that torch.save wrote, as torch.load would read it: a zip whose one pickle is data.pkl, or, from before torch 1.6, five pickles followed by raw
/// storages. What torch.save does not write is refused, because a loader might unpickle it. Only the pickles are read, weights are not.
/// </summary>
internal static class TorchFile
{
    // torch/serialization.py, MAGIC_NUMBER.
    private static readonly UInt128 Magic = new(0x1950, 0xa86a20f9469cfc6c);

    // Magic, protocol, system information, the object, the storages' keys.
    private const int LegacyPickles = 5;

    // The fourth of them is the object.
    private const int LegacyObject = 3;

    /// <summary>
    /// Ends when loading the file would import nothing but what a state dict needs. Returns how many elements its tensors have; null when that is not said exactly.
    /// </summary>
    /// <exception cref="InvalidModelFileException">Anything else.</exception>
    public static async Task<long?> CheckAsync(IByteSource file, CancellationToken cancellationToken)
    {
        byte[] start = await ReadAsync(file, 0, (int)Math.Min(4, file.Length), cancellationToken);
        return start.AsSpan().StartsWith("PK\x03\x04"u8) ? await CheckZipAsync(file, cancellationToken) : await CheckLegacyAsync(file, cancellationToken);
    }

    private static async Task<long?> CheckLegacyAsync(IByteSource file, CancellationToken cancellationToken)
    {
        await using Stream stream = await file.OpenAsync(0, cancellationToken);
        using var reader = new HeaderReader(stream, file.Name, file.Length);
        long? elements = null;
        for (int i = 0; i < LegacyPickles; i++)
        {
            // The first one is run by torch before it looks whether it is the magic number: it is scanned before that too.
            var scanner = new PickleScanner(reader, "");
            UInt128? number = await scanner.ScanAsync(cancellationToken);
            elements = i == LegacyObject ? scanner.Elements : elements;
            if (i == 0 && number != Magic)
            {
                throw reader.Invalid("it is a pickle, but none that torch.save wrote. Convert the weights to Safetensors.");
            }
        }

        return elements;
    }

    private static async Task<long?> CheckZipAsync(IByteSource file, CancellationToken cancellationToken)
    {
        await CheckEndAsync(file, cancellationToken);
        bool isFound = false;
        long? elements = null;
        try
        {
            await foreach (ArchiveEntry entry in new ZipArchiveReader().ReadAsync(file, cancellationToken))
            {
                string inner = entry.Path[(entry.Path.IndexOf('/', StringComparison.Ordinal) + 1)..];
                if (inner == "data.pkl")
                {
                    isFound = true;
                    elements = await CheckPickleAsync(file, entry, cancellationToken);
                }
                else if (!IsHarmless(inner))
                {
                    throw new InvalidModelFileException(
                        file.Name, $"it is a zip with the entry '{entry.Path}', which weights do not have. Scripted models and other code cannot be prepared; convert the weights to Safetensors.");
                }
            }
        }
        catch (InvalidArchiveException e)
        {
            throw new InvalidModelFileException(file.Name, $"it is a zip that cannot be read: {e.Message}");
        }

        if (!isFound)
        {
            throw new InvalidModelFileException(file.Name, "it is a zip without data.pkl, and so none that torch.save wrote.");
        }

        return elements;
    }

    private static async Task<long?> CheckPickleAsync(IByteSource file, ArchiveEntry entry, CancellationToken cancellationToken)
    {
        using var reader = new HeaderReader(entry.Content, file.Name, entry.Length);
        var scanner = new PickleScanner(reader, $" of {entry.Path}");
        await scanner.ScanAsync(cancellationToken);
        if (reader.Remaining > 0)
        {
            throw reader.Invalid($"{reader.Remaining} bytes follow the pickle {entry.Path}, where nothing may be.");
        }

        // Reading on verifies the CRC-32.
        _ = await entry.Content.ReadAsync(new byte[1], cancellationToken);
        return scanner.Elements;
    }

    /// <summary>What torch.save puts beside data.pkl: raw storages and its own notes. None of it is ever unpickled.</summary>
    private static bool IsHarmless(string inner) =>
        inner is "version" or "byteorder" or ".format_version" or ".storage_alignment" or ".data/serialization_id"
        || (inner.StartsWith("data/", StringComparison.Ordinal) && inner.Length > 5 && inner.AsSpan(5).ContainsAnyExceptInRange('0', '9') is false);

    /// <summary>
    /// Readers differ in which end record they believe when there are several; torch.save writes one, at the very end and without a comment.
    /// </summary>
    private static async Task CheckEndAsync(IByteSource file, CancellationToken cancellationToken)
    {
        const int end = 22;
        int length = (int)Math.Min(file.Length, end + ushort.MaxValue);
        byte[] tail = await ReadAsync(file, file.Length - length, length, cancellationToken);
        if (length < end || tail.AsSpan().LastIndexOf("PK\x05\x06"u8) != length - end)
        {
            throw new InvalidModelFileException(file.Name, "it begins like a zip and does not end like one that torch.save wrote: it is cut short or was changed. Fetch or save it again.");
        }
    }

    private static async Task<byte[]> ReadAsync(IByteSource file, long offset, int length, CancellationToken cancellationToken)
    {
        byte[] bytes = new byte[length];
        await using Stream stream = await file.OpenAsync(offset, cancellationToken);
        int read = await stream.ReadAtLeastAsync(bytes, length, throwOnEndOfStream: false, cancellationToken);
        return read == length ? bytes : throw new InvalidModelFileException(file.Name, $"it ends after {offset + read} of {file.Length} bytes.");
    }
}
