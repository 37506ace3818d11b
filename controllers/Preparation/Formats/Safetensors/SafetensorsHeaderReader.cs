using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json;

namespace AiModels.Controllers.Preparation.Formats.Safetensors;

/// <summary>
/// Reads the header of a safetensors file from its beginning and checks everything that makes a file valid: a length of at most 100,000,000 bytes, UTF-8
/// JSON without duplicate names, known types, sizes that agree with the shapes, data without holes or overlaps that ends where the file ends.
/// The JSON is read token by token, so that a long header does not become a large object.
/// </summary>
internal static class SafetensorsHeaderReader
{
    // The reference implementation's limit.
    private const ulong HeaderLimit = 100_000_000;

    // The longest single JSON token: names and metadata values. Longer ones exist in no known file.
    private const int TokenLimit = 4 * 1024 * 1024;

    public static async Task<SafetensorsHeader> ReadAsync(Stream stream, string path, long length, CancellationToken cancellationToken)
    {
        long headerLength = await ReadLengthAsync(stream, path, length, cancellationToken);
        var tensors = new SafetensorsTensors(path);
        await ReadJsonAsync(stream, path, headerLength, new SafetensorsHeaderParser(path, tensors), cancellationToken);
        return tensors.Check(length - 8 - headerLength);
    }

    private static async Task<long> ReadLengthAsync(Stream stream, string path, long length, CancellationToken cancellationToken)
    {
        byte[] prefix = new byte[8];
        int read = await stream.ReadAtLeastAsync(prefix, 8, throwOnEndOfStream: false, cancellationToken);
        if (read < 8 || length < 8)
        {
            throw new InvalidModelFileException(path, $"it has {Math.Min(read, length)} bytes; a safetensors file begins with the 8-byte length of its header.");
        }

        ulong header = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (header > HeaderLimit)
        {
            throw new InvalidModelFileException(path, $"its header announces {header} bytes; at most {HeaderLimit} are allowed. This is no safetensors file.");
        }

        if (header > (ulong)(length - 8))
        {
            throw new InvalidModelFileException(path, $"its header announces {header} bytes and the file has {length}: it is cut short.");
        }

        return header >= 2 ? (long)header : throw new InvalidModelFileException(path, $"its header announces {header} bytes; even an empty one has 2.");
    }

    private static async Task ReadJsonAsync(
        Stream stream, string path, long headerLength, SafetensorsHeaderParser parser, CancellationToken cancellationToken)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(64 * 1024);
        try
        {
            var state = new JsonReaderState();
            long left = headerLength;
            int filled = 0;
            bool isFirst = true;
            while (left > 0)
            {
                if (filled == buffer.Length)
                {
                    buffer = Grow(buffer, path);
                }

                int read = await stream.ReadAsync(buffer.AsMemory(filled, (int)Math.Min(left, buffer.Length - filled)), cancellationToken);
                if (read == 0)
                {
                    throw new InvalidModelFileException(path, $"the file ends {left} bytes before the end of its header.");
                }

                if (isFirst && buffer[0] != (byte)'{')
                {
                    throw new InvalidModelFileException(path, $"its header begins with byte 0x{buffer[0]:x2}; it must begin with '{{'. This is no safetensors file.");
                }

                isFirst = false;
                left -= read;
                filled += read;
                int consumed = Parse(buffer.AsSpan(0, filled), left == 0, ref state, path, parser);
                buffer.AsSpan(consumed, filled - consumed).CopyTo(buffer);
                filled -= consumed;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static int Parse(ReadOnlySpan<byte> json, bool isFinal, ref JsonReaderState state, string path, SafetensorsHeaderParser parser)
    {
        var reader = new Utf8JsonReader(json, isFinal, state);
        try
        {
            while (reader.Read())
            {
                parser.Accept(ref reader);
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new InvalidModelFileException(path, $"its header is not valid JSON: {e.Message}");
        }

        state = reader.CurrentState;
        return (int)reader.BytesConsumed;
    }

    private static byte[] Grow(byte[] buffer, string path)
    {
        if (buffer.Length >= TokenLimit)
        {
            throw new InvalidModelFileException(path, $"its header holds a single value of more than {TokenLimit} bytes.");
        }

        byte[] larger = ArrayPool<byte>.Shared.Rent(buffer.Length * 2);
        buffer.CopyTo(larger, 0);
        ArrayPool<byte>.Shared.Return(buffer);
        return larger;
    }
}
