using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace AiModels.ModelPack.Compression.Literals;

/// <summary>
/// Writes zstd frames that hold nothing but Huffman-coded literals (RFC 8878): all there is to gain on weights, whose bytes never repeat in
/// runs but are unevenly distributed. One code serves a whole frame of 2 MiB, made from a sample of it, and is looked up for two bytes at a
/// time; that makes it two to three times as fast as a general encoder at the same ratio, and the same on every machine, whatever version of
/// libzstd it has. Any zstd decoder reads the frames.
/// </summary>
internal sealed unsafe class LiteralFrameEncoder
{
    // The largest block the format allows.
    private const int BlockSize = 128 * 1024;
    private const int BlockHeaderLength = 3;

    // Magic, descriptor, four bytes of content size.
    private const int FrameHeaderLength = 9;
    private const uint Magic = 0xFD2FB528;

    // Single segment, content size in four bytes, no checksum: digests are outside.
    private const byte Descriptor = 0xA0;

    // Type 2 bits, format 2 bits, two sizes of 18 bits.
    private const int SectionHeaderLength = 5;
    private const int JumpTableLength = 6;

    // Less than this is not worth four streams.
    private const int SmallestCodedBlock = 1024;

    // A stream writes eight bytes at a time and so up to eight too far.
    private const int Slack = 8;

    private static readonly ConcurrentBag<PairTable> Tables = [];

    private enum BlockType
    {
        Raw = 0,
        Repeated = 1,
        Compressed = 2,
    }

    /// <summary>Room needed for the worst case: 11 bits a byte before a block is given up and stored raw.</summary>
    public static int MaxFrameLength(int rawLength) =>
        FrameHeaderLength + rawLength + (((rawLength / BlockSize) + 1) * BlockHeaderLength) + (BlockSize * 3 / 8) + SectionHeaderLength + TreeDescription.MaxLength + JumpTableLength + Slack;

    /// <summary>
    /// Encodes a frame with a code for these byte counts, which may come from a sample. Returns its length, or 0 when there is no such code or
    /// nothing is gained.
    /// </summary>
    public static int TryEncode(ReadOnlySpan<byte> raw, ReadOnlySpan<uint> counts, Span<byte> frame)
    {
        if (frame.Length < MaxFrameLength(raw.Length))
        {
            return 0;
        }

        Span<uint> smoothed = stackalloc uint[CodeLengths.Symbols];
        Span<byte> lengths = stackalloc byte[CodeLengths.Symbols];
        Span<byte> tree = stackalloc byte[TreeDescription.MaxLength];
        for (int i = 0; i < smoothed.Length; i++)
        {
            // One more for each: what the sample did not see may still come.
            smoothed[i] = counts[i] + 1;
        }

        CodeLengths.Compute(smoothed, lengths);
        int treeLength = TreeDescription.Write(lengths, tree);
        if (treeLength == 0)
        {
            return 0;
        }

        PairTable table = Tables.TryTake(out PairTable? pooled) ? pooled : new PairTable();
        try
        {
            table.Fill(lengths);
            int length = EncodeBlocks(raw, table, tree[..treeLength], frame);
            return length < raw.Length ? length : 0;
        }
        finally
        {
            Tables.Add(table);
        }
    }

    private static int EncodeBlocks(ReadOnlySpan<byte> raw, PairTable table, ReadOnlySpan<byte> tree, Span<byte> frame)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(frame, Magic);
        frame[4] = Descriptor;
        BinaryPrimitives.WriteUInt32LittleEndian(frame[5..], (uint)raw.Length);
        int position = FrameHeaderLength;
        bool treeIsKnown = false;
        for (int offset = 0; offset < raw.Length; offset += BlockSize)
        {
            ReadOnlySpan<byte> block = raw.Slice(offset, Math.Min(BlockSize, raw.Length - offset));
            bool isLast = offset + block.Length == raw.Length;
            Span<byte> body = frame[(position + BlockHeaderLength)..];
            int length = 1;
            BlockType type = BlockType.Repeated;
            if (block.IndexOfAnyExcept(block[0]) < 0)
            {
                body[0] = block[0];
            }
            else
            {
                length = block.Length < SmallestCodedBlock ? 0 : EncodeBlock(block, table, treeIsKnown ? [] : tree, body);
                type = length == 0 || length >= block.Length ? BlockType.Raw : BlockType.Compressed;
                treeIsKnown |= type == BlockType.Compressed;
            }

            if (type == BlockType.Raw)
            {
                block.CopyTo(body);
                length = block.Length;
            }

            WriteBlockHeader(frame[position..], isLast, type, type == BlockType.Repeated ? block.Length : length);
            position += BlockHeaderLength + length;
        }

        return position;
    }

    private static void WriteBlockHeader(Span<byte> destination, bool isLast, BlockType type, int size)
    {
        int header = (isLast ? 1 : 0) | ((int)type << 1) | (size << 3);
        destination[0] = (byte)header;
        destination[1] = (byte)(header >> 8);
        destination[2] = (byte)(header >> 16);
    }

    /// <summary>One block: literals section with four streams, and no sequences. Without a tree, the last one is used again ("treeless").</summary>
    private static int EncodeBlock(ReadOnlySpan<byte> block, PairTable table, ReadOnlySpan<byte> tree, Span<byte> body)
    {
        tree.CopyTo(body[SectionHeaderLength..]);
        int jumpTable = SectionHeaderLength + tree.Length;
        int part = (block.Length + 3) / 4;
        fixed (byte* source = block)
        fixed (byte* destination = body)
        {
            byte* end = destination + jumpTable + JumpTableLength;
            byte* first = end;
            for (int i = 0; i < 4; i += 2)
            {
                // Where the second of two streams belongs is known when the first is finished: it is written beside and moved.
                int count = i == 0 ? part : block.Length - (3 * part);
                byte* begin = end;
                byte* scratch = table.Scratch;
                byte* middle = EncodeStreams(source + (i * part), part, source + ((i + 1) * part), count, table, begin, &scratch);
                int length = (int)(scratch - table.Scratch);
                Buffer.MemoryCopy(table.Scratch, middle, length, length);
                end = middle + length;
                BinaryPrimitives.WriteUInt16LittleEndian(body[(jumpTable + (2 * i))..], (ushort)(middle - begin));
                if (i == 0)
                {
                    BinaryPrimitives.WriteUInt16LittleEndian(body[(jumpTable + 2)..], (ushort)length);
                }
            }

            int compressed = (int)(end - first) + tree.Length + JumpTableLength;

            // 3 is "four streams, sizes of 18 bits"; the type is 2 with a tree and 3 without.
            ulong header = (tree.IsEmpty ? 3u : 2u) | (3u << 2) | ((ulong)block.Length << 4) | ((ulong)compressed << 22);
            for (int i = 0; i < SectionHeaderLength; i++)
            {
                body[i] = (byte)(header >> (8 * i));
            }

            // Number of sequences: none.
            *end = 0;
            return SectionHeaderLength + compressed + 1;
        }
    }

    /// <summary>
    /// Writes two streams at once, so that the processor has two chains of dependent shifts to work on. Each goes from the last symbol to the
    /// first, bits from the lowest up, and ends with a set bit where reading begins.
    /// </summary>
    private static byte* EncodeStreams(byte* one, int oneCount, byte* two, int twoCount, PairTable table, byte* oneOut, byte** twoOut)
    {
        uint* pairs = table.Entries;
        (ulong firstBits, int firstUsed, int oneOdd) = EncodeOdd(one, oneCount, table.Singles);
        (ulong secondBits, int secondUsed, int twoOdd) = EncodeOdd(two, twoCount, table.Singles);

        // Locals of their own: a variable whose address was taken does not live in a register.
        byte* oneEnd = one + oneCount - oneOdd;
        byte* twoEnd = two + twoCount - twoOdd;
        byte* first = oneOut;
        byte* second = *twoOut;

        // At most 33 bits wait, and the next four symbols bring up to 44.
        Drain(ref firstBits, ref firstUsed, ref first);
        Drain(ref secondBits, ref secondUsed, ref second);
        while (oneEnd > one && twoEnd > two)
        {
            oneEnd -= 4;
            twoEnd -= 4;
            uint oneValue = *(uint*)oneEnd;
            uint twoValue = *(uint*)twoEnd;
            uint oneUpper = pairs[oneValue >> 16];
            uint oneLower = pairs[oneValue & 0xFFFF];
            uint twoUpper = pairs[twoValue >> 16];
            uint twoLower = pairs[twoValue & 0xFFFF];
            Append(oneUpper, oneLower, ref firstBits, ref firstUsed, ref first);
            Append(twoUpper, twoLower, ref secondBits, ref secondUsed, ref second);
        }

        // Of a short last block the fourth stream is shorter than the third.
        for (; oneEnd > one; oneEnd -= 4)
        {
            uint value = *(uint*)(oneEnd - 4);
            Append(pairs[value >> 16], pairs[value & 0xFFFF], ref firstBits, ref firstUsed, ref first);
        }

        for (; twoEnd > two; twoEnd -= 4)
        {
            uint value = *(uint*)(twoEnd - 4);
            Append(pairs[value >> 16], pairs[value & 0xFFFF], ref secondBits, ref secondUsed, ref second);
        }

        *(ulong*)first = firstBits | (1ul << firstUsed);
        *(ulong*)second = secondBits | (1ul << secondUsed);
        *twoOut = second + 1;
        return first + 1;
    }

    /// <summary>The symbols at the end that do not fill four bytes: at most 33 bits, which wait to be written with the next.</summary>
    private static (ulong Bits, int Used, int Count) EncodeOdd(byte* begin, int count, uint[] singles)
    {
        ulong bits = 0;
        int used = 0;
        for (int i = count; i % 4 != 0; i--)
        {
            uint entry = singles[begin[i - 1]];
            bits |= (ulong)(entry & 0xFF_FFFF) << used;
            used += (int)(entry >> 24);
        }

        return (bits, used, count % 4);
    }

    /// <summary>Four symbols: at most 44 bits behind at most 7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Append(uint upper, uint lower, ref ulong bits, ref int used, ref byte* destination)
    {
        // Joined first, which does not depend on what was written before.
        int upperLength = (int)(upper >> 24);
        ulong code = (upper & 0xFF_FFFF) | ((ulong)(lower & 0xFF_FFFF) << upperLength);
        bits |= code << used;
        used += upperLength + (int)(lower >> 24);
        Drain(ref bits, ref used, ref destination);
    }

    /// <summary>Writes eight bytes and counts the full ones.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Drain(ref ulong bits, ref int used, ref byte* destination)
    {
        *(ulong*)destination = bits;
        destination += used >> 3;
        bits >>= used & ~7;
        used &= 7;
    }
}
