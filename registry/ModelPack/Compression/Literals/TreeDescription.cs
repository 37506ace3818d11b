using System.Numerics;

namespace AiModels.ModelPack.Compression.Literals;

/// <summary>
/// Writes the lengths of a code the way a decoder wants them: as weights, compressed with FSE
/// (https://datatracker.ietf.org/doc/html/rfc8878#section-4.2.1.2 and section 4.1).
/// </summary>
internal static class TreeDescription
{
    /// <summary>A header byte below 128 is the length of what follows.</summary>
    public const int MaxLength = 128;

    // 6 is the largest accuracy allowed for weights; 5 is what the field for it begins to count at.
    private const int AccuracyLog = 6;
    private const int LowestAccuracyLog = 5;
    private const int TableSize = 1 << AccuracyLog;

    // Weights are 0 (no code) to 11.
    private const int MaxWeight = CodeLengths.Max;

    // The weight of the last symbol follows from the others.
    private const int Weights = CodeLengths.Symbols - 1;

    /// <summary>Returns the number of bytes, or 0 when the lengths cannot be described (all alike, or too many different ones).</summary>
    public static int Write(ReadOnlySpan<byte> lengths, Span<byte> destination)
    {
        int longest = 0;
        foreach (byte length in lengths)
        {
            longest = Math.Max(longest, length);
        }

        Span<byte> weights = stackalloc byte[Weights];
        Span<int> counts = stackalloc int[MaxWeight + 1];
        counts.Clear();
        for (int i = 0; i < Weights; i++)
        {
            weights[i] = (byte)(longest + 1 - lengths[i]);
            counts[weights[i]]++;
        }

        Span<int> shares = stackalloc int[MaxWeight + 1];
        if (!Normalize(counts, shares))
        {
            return 0;
        }

        var bits = new BitWriter(destination[1..MaxLength]);
        WriteShares(shares, ref bits);
        bits.AlignToByte();
        WriteStates(weights, shares, ref bits);
        bits.Close();
        if (bits.HasOverflowed || bits.Length > MaxLength - 1)
        {
            return 0;
        }

        destination[0] = (byte)bits.Length;
        return bits.Length + 1;
    }

    /// <summary>Shares of the table: at least one for each weight that occurs, and the largest takes what rounding leaves.</summary>
    private static bool Normalize(ReadOnlySpan<int> counts, Span<int> shares)
    {
        int sum = 0;
        int largest = 0;
        int different = 0;
        for (int weight = 0; weight < counts.Length; weight++)
        {
            shares[weight] = counts[weight] == 0 ? 0 : Math.Max(1, counts[weight] * TableSize / Weights);
            different += counts[weight] == 0 ? 0 : 1;
            sum += shares[weight];
            largest = shares[weight] > shares[largest] ? weight : largest;
        }

        shares[largest] += TableSize - sum;
        return different > 1 && shares[largest] > 0;
    }

    /// <summary>RFC 8878, 4.1.1: each share in as few bits as what remains allows; runs of zeros counted in twos of bits.</summary>
    private static void WriteShares(scoped ReadOnlySpan<int> shares, ref BitWriter bits)
    {
        int remaining = TableSize + 1;
        int threshold = TableSize;
        int width = AccuracyLog + 1;
        bool previousIsZero = false;
        bits.Add(AccuracyLog - LowestAccuracyLog, 4);
        for (int symbol = 0; remaining > 1;)
        {
            if (previousIsZero)
            {
                int start = symbol;
                while (shares[symbol] == 0)
                {
                    symbol++;
                }

                for (; symbol >= start + 3; start += 3)
                {
                    bits.Add(3, 2);
                }

                bits.Add((uint)(symbol - start), 2);
            }

            int share = shares[symbol++];
            int shortValues = (2 * threshold) - 1 - remaining;
            remaining -= share;
            int value = share + 1;
            previousIsZero = share == 0;
            value += value >= threshold ? shortValues : 0;
            bits.Add((uint)value, value < shortValues ? width - 1 : width);
            while (remaining < threshold)
            {
                width--;
                threshold >>= 1;
            }
        }
    }

    /// <summary>Two interleaved states over one bit stream, written from the last weight to the first (RFC 8878, 4.2.1.2).</summary>
    private static void WriteStates(scoped ReadOnlySpan<byte> weights, scoped ReadOnlySpan<int> shares, ref BitWriter bits)
    {
        Span<ushort> table = stackalloc ushort[TableSize];
        Span<int> firstState = stackalloc int[MaxWeight + 1];
        BuildTable(shares, table, firstState);
        Span<int> states = stackalloc int[2];
        states.Fill(-1);
        for (int i = weights.Length - 1; i >= 0; i--)
        {
            int weight = weights[i];
            ref int state = ref states[i & 1];
            int share = shares[weight];
            if (state < 0)
            {
                // Of the states that decode to the symbol, the one that asks for the most bits: reading past the beginning is how a
                // decoder notices the end.
                state = table[firstState[weight]];
                continue;
            }

            // A state from [share, 2 * share) names the slot: shift the old one down until it fits, and write what was shifted out.
            int shift = BitOperations.Log2((uint)state) - BitOperations.Log2((uint)share);
            shift -= state >> shift < share ? 1 : 0;
            bits.Add((uint)state & ((1u << shift) - 1), shift);
            state = table[firstState[weight] + (state >> shift) - share];
        }

        bits.Add((uint)states[1] & (TableSize - 1), AccuracyLog);
        bits.Add((uint)states[0] & (TableSize - 1), AccuracyLog);
    }

    /// <summary>RFC 8878, 4.1.1: the symbols are spread over the table in fixed steps; a symbol's states are its positions in order.</summary>
    private static void BuildTable(ReadOnlySpan<int> shares, Span<ushort> table, Span<int> firstState)
    {
        Span<byte> spread = stackalloc byte[TableSize];
        const int Step = (TableSize >> 1) + (TableSize >> 3) + 3;
        int position = 0;
        int total = 0;
        for (int symbol = 0; symbol < shares.Length; symbol++)
        {
            firstState[symbol] = total;
            total += shares[symbol];
            for (int i = 0; i < shares[symbol]; i++)
            {
                spread[position] = (byte)symbol;
                position = (position + Step) & (TableSize - 1);
            }
        }

        Span<int> next = stackalloc int[MaxWeight + 1];
        firstState.CopyTo(next);
        for (int slot = 0; slot < TableSize; slot++)
        {
            table[next[spread[slot]]++] = (ushort)(TableSize + slot);
        }
    }
}
