using System.Buffers;

namespace AiModels.Hosting.Grpc;

/// <summary>Writes something else in place of a literal header field, or says false to let it pass.</summary>
/// <param name="nameIndex">Index of the name in the HPACK tables; 0: it is written out.</param>
/// <param name="name">The field up to its value: its first byte, and the name where that is written out.</param>
/// <param name="value">The value with its length in front.</param>
internal delegate bool Http2FieldRewriter(int nameIndex, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, IBufferWriter<byte> output);

/// <summary>
/// Copies a client's HTTP/2 bytes frame by frame and rewrites literal fields in HEADERS frames (RFC 9113, 6.2; RFC 7541). Frames of other kinds are
/// passed on as they arrive; a header block that goes on in CONTINUATION frames is passed on unchanged.
/// </summary>
internal sealed class Http2HeaderFilter(Http2FieldRewriter rewrite)
{
    private const int FrameHeaderSize = 9;
    private const byte HeadersFrame = 1;
    private const byte FlagEndHeaders = 0x4;
    private const byte FlagPadded = 0x8;
    private const byte FlagPriority = 0x20;

    private int _prefaceLeft = 24; // "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    private long _payloadLeft;

    /// <summary>Copies what can be copied; returns the bytes that must wait for more.</summary>
    public ReadOnlySequence<byte> Copy(ReadOnlySequence<byte> input, IBufferWriter<byte> output)
    {
        input = Pass(input, output, ref _prefaceLeft);
        Span<byte> header = stackalloc byte[FrameHeaderSize];
        while (true)
        {
            input = PassPayload(input, output);
            if (_prefaceLeft > 0 || input.Length < FrameHeaderSize)
            {
                return input;
            }

            input.Slice(0, FrameHeaderSize).CopyTo(header);
            int length = header[0] << 16 | header[1] << 8 | header[2];
            if (header[3] != HeadersFrame || (header[4] & FlagEndHeaders) == 0)
            {
                output.Write(header);
                input = input.Slice(FrameHeaderSize);
                _payloadLeft = length;
                continue;
            }

            if (input.Length < FrameHeaderSize + length)
            {
                return input;
            }

            CopyHeaders(header, input.Slice(FrameHeaderSize, length).ToArray(), output);
            input = input.Slice(FrameHeaderSize + length);
        }
    }

    private static ReadOnlySequence<byte> Pass(ReadOnlySequence<byte> input, IBufferWriter<byte> output, ref int left)
    {
        int count = (int)Math.Min(left, input.Length);
        foreach (ReadOnlyMemory<byte> segment in input.Slice(0, count))
        {
            output.Write(segment.Span);
        }

        left -= count;
        return input.Slice(count);
    }

    private ReadOnlySequence<byte> PassPayload(ReadOnlySequence<byte> input, IBufferWriter<byte> output)
    {
        int left = (int)_payloadLeft;
        ReadOnlySequence<byte> rest = Pass(input, output, ref left);
        _payloadLeft = left;
        return rest;
    }

    private void CopyHeaders(ReadOnlySpan<byte> header, byte[] payload, IBufferWriter<byte> output)
    {
        byte flags = header[4];
        int start = ((flags & FlagPadded) != 0 ? 1 : 0) + ((flags & FlagPriority) != 0 ? 5 : 0);
        int end = payload.Length - ((flags & FlagPadded) != 0 && payload.Length > 0 ? payload[0] : 0);
        var block = new ArrayBufferWriter<byte>(payload.Length + 64);
        block.Write(payload.AsSpan(0, Math.Min(start, payload.Length)));
        if (start > end || !TryRewrite(payload.AsSpan(start, end - start), block))
        {
            output.Write(header);
            output.Write(payload); // not HPACK as we know it: the server judges it
            return;
        }

        block.Write(payload.AsSpan(end));
        Span<byte> changed = stackalloc byte[FrameHeaderSize];
        header.CopyTo(changed);
        (changed[0], changed[1], changed[2]) = ((byte)(block.WrittenCount >> 16), (byte)(block.WrittenCount >> 8), (byte)block.WrittenCount);
        output.Write(changed);
        output.Write(block.WrittenSpan);
    }

    /// <summary>Copies one header block field by field; false when it is malformed.</summary>
    private bool TryRewrite(ReadOnlySpan<byte> block, ArrayBufferWriter<byte> output)
    {
        int at = 0;
        while (at < block.Length)
        {
            int field = at;
            byte first = block[at];
            // 6.1 indexed (7-bit), 6.3 table size update (5-bit), 6.2 literals (6- or 4-bit name index)
            int bits = (first & 0x80) != 0 ? 7 : (first & 0x40) != 0 ? 6 : (first & 0x20) != 0 ? 5 : 4;
            if (!TryReadInteger(block, ref at, bits, out int index))
            {
                return false;
            }

            if (bits is 7 or 5)
            {
                output.Write(block[field..at]);
                continue;
            }

            if (index == 0 && !TrySkipString(block, ref at))
            {
                return false;
            }

            int value = at;
            if (!TrySkipString(block, ref at))
            {
                return false;
            }

            if (!rewrite(index, block[field..value], block[value..at], output))
            {
                output.Write(block[field..at]);
            }
        }

        return true;
    }

    private static bool TrySkipString(ReadOnlySpan<byte> block, ref int at)
    {
        if (!TryReadInteger(block, ref at, bits: 7, out int length) || length > block.Length - at)
        {
            return false;
        }

        at += length;
        return true;
    }

    /// <summary>RFC 7541, 5.1.</summary>
    private static bool TryReadInteger(ReadOnlySpan<byte> block, ref int at, int bits, out int value)
    {
        value = 0;
        if (at >= block.Length)
        {
            return false;
        }

        int mask = (1 << bits) - 1;
        value = block[at++] & mask;
        if (value < mask)
        {
            return true;
        }

        for (int shift = 0; at < block.Length && shift <= 21; shift += 7)
        {
            byte next = block[at++];
            value += (next & 0x7F) << shift;
            if ((next & 0x80) == 0)
            {
                return true;
            }
        }

        return false;
    }
}
