using System.Text;
using System.Text.Unicode;

namespace AiModels.Controllers.Preparation.Formats.Gguf;

/// <summary>
/// Reads the header of a GGUF file (ggml docs/gguf.md, versions 2 and 3, little-endian) from its beginning and checks it: every length against the file's,
/// every sum for overflow, every tensor against the end of the file. Whatever the bytes are, it ends with a header or an
/// <see cref="InvalidModelFileException"/>, in time and memory bounded by the file's length and the limits below.
/// </summary>
internal sealed class GgufHeaderReader
{
    private const uint Magic = 0x46554747; // "GGUF"
    private const ulong KeyLimit = 65_535; // the format's own limit
    private const ulong StringLimit = 16 * 1024 * 1024; // a longer one is a lie or an attack
    private const ulong KeptStringLimit = 256 * 1024; // chat templates are tens of kilobytes
    private const long KeptTotalLimit = 4 * 1024 * 1024;
    private const long KeysTotalLimit = 4 * 1024 * 1024; // some tens of kilobytes in real files
    private const ulong MetadataLimit = 65_536;
    private const ulong TensorLimit = 1 << 18; // the largest known models have some ten thousand
    private const long HeaderLimit = 1L << 30; // tokenizers of some ten megabytes; more would only keep a worker busy
    private const ulong TensorNameLimit = 1024; // ggml itself allows 64 or 128, depending on how it was built
    private const int DepthLimit = 4;
    private const uint DimensionLimit = 4;

    private readonly HeaderReader _reader;
    private readonly Dictionary<string, object> _metadata = [];
    private readonly Dictionary<string, long> _elements = [];
    private long _keptBytes;
    private long _keyBytes;

    private GgufHeaderReader(HeaderReader reader) => _reader = reader;

    /// <summary>Whether the first bytes of a file are those of a GGUF file.</summary>
    public static bool HasMagic(ReadOnlySpan<byte> start) => start.StartsWith("GGUF"u8);

    public static async Task<GgufHeader> ReadAsync(Stream stream, string path, long length, CancellationToken cancellationToken)
    {
        using var reader = new HeaderReader(stream, path, length);
        return await new GgufHeaderReader(reader).ReadAsync(cancellationToken);
    }

    private async Task<GgufHeader> ReadAsync(CancellationToken cancellationToken)
    {
        (uint version, ulong tensors, ulong pairs) = await ReadPreambleAsync(cancellationToken);
        for (ulong i = 0; i < pairs; i++)
        {
            await ReadPairAsync(cancellationToken);
        }

        ulong alignment = Alignment();
        (long parameters, ulong dataLength) = await ReadTensorsAsync(tensors, alignment, cancellationToken);
        ulong dataOffset = RoundUp((ulong)_reader.Position, alignment);
        if (dataLength > 0 && (dataOffset > (ulong)_reader.FileLength || dataLength > (ulong)_reader.FileLength - dataOffset))
        {
            throw _reader.Invalid(
                $"the file is cut short: its tensors need {checked(dataOffset + dataLength)} bytes and it has {_reader.FileLength}. Upload or fetch it again.");
        }

        return new GgufHeader
        {
            Version = version,
            Metadata = _metadata,
            TensorCount = (long)tensors,
            ParameterCount = parameters,
            ElementsByType = _elements,
            DataOffset = (long)dataOffset,
            KeptBytes = (2 * (_keptBytes + _keyBytes)) + (_metadata.Count * 64),
        };
    }

    private async Task<(uint Version, ulong Tensors, ulong Pairs)> ReadPreambleAsync(CancellationToken cancellationToken)
    {
        uint magic = await _reader.ReadUInt32Async(cancellationToken);
        if (magic != Magic)
        {
            throw _reader.Invalid($"it does not begin with GGUF but with {magic & 0xFF:x2}{(magic >> 8) & 0xFF:x2}{(magic >> 16) & 0xFF:x2}{magic >> 24:x2} (hex).");
        }

        uint version = await _reader.ReadUInt32Async(cancellationToken);
        if (version is not (2 or 3))
        {
            throw _reader.Invalid((version & 0xFFFF) == 0
                ? "it is a big-endian GGUF file; only little-endian files can be prepared."
                : $"GGUF version {version} cannot be read; versions 2 and 3 can. Convert the file again with a current tool.");
        }

        ulong tensors = await _reader.ReadUInt64Async(cancellationToken);
        ulong pairs = await _reader.ReadUInt64Async(cancellationToken);
        if (tensors > TensorLimit || pairs > MetadataLimit)
        {
            throw _reader.Invalid($"the header announces {tensors} tensors and {pairs} metadata entries; at most {TensorLimit} and {MetadataLimit} are read.");
        }

        return (version, tensors, pairs);
    }

    private async Task ReadPairAsync(CancellationToken cancellationToken)
    {
        string key = await ReadTextAsync("the name of a metadata entry", KeyLimit, cancellationToken);
        _keyBytes += key.Length;
        if (_keyBytes > KeysTotalLimit)
        {
            throw _reader.Invalid($"the names of its metadata entries take more than {KeysTotalLimit} bytes.");
        }

        if (_reader.Position > HeaderLimit)
        {
            throw _reader.Invalid($"its header is longer than {HeaderLimit} bytes.");
        }

        uint type = await _reader.ReadUInt32Async(cancellationToken);
        object? value = await ReadValueAsync(key, type, 0, cancellationToken);
        if (!_metadata.TryAdd(key, value ?? ""))
        {
            throw _reader.Invalid($"metadata entry '{Shown(key)}' is there twice.");
        }

        if (value is null)
        {
            // Remembered above only so that a second entry is found; an array or a huge string must not look like an empty text.
            _metadata[key] = Skipped.Value;
        }
    }

    private async ValueTask<object?> ReadValueAsync(string key, uint type, int depth, CancellationToken cancellationToken)
    {
        switch (type)
        {
            case 0:
                return (ulong)await _reader.ReadByteAsync(cancellationToken);
            case 1:
                return (long)(sbyte)await _reader.ReadByteAsync(cancellationToken);
            case 2:
                return (ulong)await _reader.ReadUInt16Async(cancellationToken);
            case 3:
                return (long)(short)await _reader.ReadUInt16Async(cancellationToken);
            case 4:
                return (ulong)await _reader.ReadUInt32Async(cancellationToken);
            case 5:
                return (long)(int)await _reader.ReadUInt32Async(cancellationToken);
            case 6:
                return (double)BitConverter.UInt32BitsToSingle(await _reader.ReadUInt32Async(cancellationToken));
            case 7:
                byte flag = await _reader.ReadByteAsync(cancellationToken);
                return flag <= 1 ? flag == 1 : throw _reader.Invalid($"metadata entry '{Shown(key)}' is a boolean of value {flag}; 0 and 1 are allowed.");
            case 8:
                return await ReadStringValueAsync(key, cancellationToken);
            case 9:
                await SkipArrayAsync(key, depth + 1, cancellationToken);
                return null;
            case 10:
                return await _reader.ReadUInt64Async(cancellationToken);
            case 11:
                return (long)await _reader.ReadUInt64Async(cancellationToken);
            case 12:
                return BitConverter.UInt64BitsToDouble(await _reader.ReadUInt64Async(cancellationToken));
            default:
                throw _reader.Invalid($"metadata entry '{Shown(key)}' has the unknown type {type}; 0 to 12 exist.");
        }
    }

    private async ValueTask<object?> ReadStringValueAsync(string key, CancellationToken cancellationToken)
    {
        ulong length = await ReadLengthAsync($"metadata entry '{Shown(key)}'", StringLimit, cancellationToken);
        if (length > KeptStringLimit || _keptBytes + (long)length > KeptTotalLimit)
        {
            await _reader.SkipAsync(length, cancellationToken);
            return null;
        }

        _keptBytes += (long)length;
        return Decode(await _reader.ReadBytesAsync((int)length, cancellationToken));
    }

    private async ValueTask SkipArrayAsync(string key, int depth, CancellationToken cancellationToken)
    {
        if (depth > DepthLimit)
        {
            throw _reader.Invalid($"metadata entry '{Shown(key)}' nests arrays more than {DepthLimit} deep.");
        }

        uint type = await _reader.ReadUInt32Async(cancellationToken);
        ulong count = await _reader.ReadUInt64Async(cancellationToken);
        if (count > (ulong)Math.Min(_reader.Remaining, HeaderLimit))
        {
            throw _reader.Invalid($"metadata entry '{Shown(key)}' announces {count} elements; {_reader.Remaining} bytes are left in the file, and a header has at most {HeaderLimit}.");
        }

        ulong width = type switch { 0 or 1 or 7 => 1, 2 or 3 => 2, 4 or 5 or 6 => 4, 10 or 11 or 12 => 8, _ => 0 };
        if (width > 0)
        {
            await _reader.SkipAsync(count * width, cancellationToken);
            return;
        }

        for (ulong i = 0; i < count && _reader.Position <= HeaderLimit; i++)
        {
            if (type == 8)
            {
                await _reader.SkipAsync(await ReadLengthAsync($"metadata entry '{Shown(key)}'", StringLimit, cancellationToken), cancellationToken);
            }
            else if (type == 9)
            {
                await SkipArrayAsync(key, depth + 1, cancellationToken);
            }
            else
            {
                throw _reader.Invalid($"metadata entry '{Shown(key)}' is an array of the unknown type {type}; 0 to 12 exist.");
            }
        }
    }

    /// <summary>general.alignment, 32 when it is not given.</summary>
    private ulong Alignment()
    {
        ulong alignment = _metadata.GetValueOrDefault("general.alignment") switch
        {
            ulong value => value,
            null => 32,
            _ => throw _reader.Invalid("general.alignment is not an unsigned number."),
        };

        // The specification wants a multiple of 8; some writers use smaller powers of two. Beyond 64 MiB it is nonsense.
        return alignment is > 0 and <= 64 * 1024 * 1024 && (alignment & (alignment - 1)) == 0
            ? alignment
            : throw _reader.Invalid($"general.alignment is {alignment}; it must be a power of two.");
    }

    /// <summary>The number of elements, and how many bytes of tensor data the file must hold.</summary>
    private async Task<(long Parameters, ulong DataLength)> ReadTensorsAsync(ulong count, ulong alignment, CancellationToken cancellationToken)
    {
        var names = new HashSet<UInt128>();
        ulong parameters = 0;
        ulong dataLength = 0;
        var ranges = new List<(ulong Start, ulong End)>();
        for (ulong i = 0; i < count; i++)
        {
            (string name, UInt128 hash) = await ReadTensorNameAsync(cancellationToken);
            if (!names.Add(hash))
            {
                throw _reader.Invalid($"tensor '{Shown(name)}' is there twice.");
            }

            (ulong elements, ulong firstDimension) = await ReadShapeAsync(name, cancellationToken);
            uint typeId = await _reader.ReadUInt32Async(cancellationToken);
            ulong offset = await _reader.ReadUInt64Async(cancellationToken);
            if (offset % alignment != 0)
            {
                throw _reader.Invalid($"tensor '{Shown(name)}' begins at {offset}, which is no multiple of the alignment {alignment}.");
            }

            parameters = Add(parameters, elements, name);
            ulong bytes = BytesOf(name, typeId, elements, firstDimension);
            ulong end = Add(offset, bytes, name);
            dataLength = Math.Max(dataLength, end);
            if (bytes > 0)
            {
                ranges.Add((offset, end));
            }
        }

        CheckOverlaps(ranges);

        return ((long)parameters, dataLength);
    }

    private void CheckOverlaps(List<(ulong Start, ulong End)> ranges)
    {
        ranges.Sort();
        for (int i = 1; i < ranges.Count; i++)
        {
            if (ranges[i].Start < ranges[i - 1].End)
            {
                throw _reader.Invalid($"two tensors overlap at {ranges[i].Start} of the tensor data.");
            }
        }
    }

    private async ValueTask<(string Name, UInt128 Hash)> ReadTensorNameAsync(CancellationToken cancellationToken)
    {
        ulong length = await ReadLengthAsync("the name of a tensor", TensorNameLimit, cancellationToken);
        ReadOnlyMemory<byte> bytes = await _reader.ReadBytesAsync((int)length, cancellationToken);
        return (Decode(bytes), NameHash.Of(bytes.Span));
    }

    private async ValueTask<(ulong Elements, ulong FirstDimension)> ReadShapeAsync(string name, CancellationToken cancellationToken)
    {
        uint dimensions = await _reader.ReadUInt32Async(cancellationToken);
        if (dimensions > DimensionLimit)
        {
            throw _reader.Invalid($"tensor '{Shown(name)}' has {dimensions} dimensions; at most {DimensionLimit} are allowed.");
        }

        ulong elements = 1;
        ulong first = 1;
        for (uint d = 0; d < dimensions; d++)
        {
            ulong size = await _reader.ReadUInt64Async(cancellationToken);
            first = d == 0 ? size : first;
            UInt128 product = (UInt128)elements * size;
            elements = product <= long.MaxValue ? (ulong)product : throw _reader.Invalid($"the dimensions of tensor '{Shown(name)}' are too large to multiply.");
        }

        return (elements, first);
    }

    private ulong BytesOf(string name, uint typeId, ulong elements, ulong firstDimension)
    {
        if (GgufTensorType.Of(typeId) is not { } type)
        {
            // A type of tomorrow: its size is unknown, so only where it begins can be checked.
            Count($"type {typeId}", elements);
            return 0;
        }

        if (firstDimension % (ulong)type.BlockElements != 0)
        {
            throw _reader.Invalid($"tensor '{Shown(name)}' has rows of {firstDimension} elements, which do not divide into {type.Name} blocks of {type.BlockElements}.");
        }

        Count(type.Name, elements);
        UInt128 bytes = (UInt128)(elements / (ulong)type.BlockElements) * (ulong)type.BlockBytes;
        return bytes <= long.MaxValue ? (ulong)bytes : throw _reader.Invalid($"tensor '{Shown(name)}' is larger than any file can be.");
    }

    private void Count(string type, ulong elements)
    {
        // Unknown ids are an attacker's choice: do not let them fill the table.
        if (_elements.Count < 64 || _elements.ContainsKey(type))
        {
            long sum = _elements.GetValueOrDefault(type) + (long)elements;
            _elements[type] = sum < 0 ? long.MaxValue : sum;
        }
    }

    private ulong Add(ulong left, ulong right, string name) =>
        left <= long.MaxValue - Math.Min(right, long.MaxValue) && right <= long.MaxValue
            ? left + right
            : throw _reader.Invalid($"the sizes up to tensor '{Shown(name)}' add up to more than any file can hold.");

    private static ulong RoundUp(ulong value, ulong alignment) => (value + alignment - 1) & ~(alignment - 1);

    private async ValueTask<string> ReadTextAsync(string what, ulong limit, CancellationToken cancellationToken)
    {
        ulong length = await ReadLengthAsync(what, limit, cancellationToken);
        ReadOnlyMemory<byte> bytes = await _reader.ReadBytesAsync((int)length, cancellationToken);

        // Values may hold whatever a tool wrote; names are what is looked up and compared.
        return Utf8.IsValid(bytes.Span) ? Decode(bytes) : throw _reader.Invalid($"{what} at offset {_reader.Position - (long)length} is not UTF-8.");
    }

    private async ValueTask<ulong> ReadLengthAsync(string what, ulong limit, CancellationToken cancellationToken)
    {
        ulong length = await _reader.ReadUInt64Async(cancellationToken);
        return length <= limit ? length : throw _reader.Invalid($"{what} announces {length} bytes at offset {_reader.Position - 8}; at most {limit} are allowed.");
    }

    private static string Decode(ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.Span);

    private static string Shown(string name) => name.Length <= 100 ? name : string.Concat(name.AsSpan(0, 100), "…");

    /// <summary>Stands for a value that was read over.</summary>
    private sealed class Skipped
    {
        public static Skipped Value { get; } = new();
    }
}
