namespace AiModels.ModelPack.Compression.Literals;

/// <summary>Optimal prefix code lengths under a limit, by package-merge (Larmore and Hirschberg, 1990).</summary>
internal static class CodeLengths
{
    /// <summary>RFC 8878, 4.2.1: no literal code is longer.</summary>
    public const int Max = 11;

    public const int Symbols = 256;

    /// <summary>Lengths for all 256 byte values; every count must be at least 1, so that any byte can be coded.</summary>
    public static void Compute(ReadOnlySpan<uint> counts, Span<byte> lengths)
    {
        Span<ulong> leaves = stackalloc ulong[Symbols];
        for (int symbol = 0; symbol < Symbols; symbol++)
        {
            // The symbol in the low bits breaks ties, so that the order and with it the code is the same everywhere.
            leaves[symbol] = ((ulong)counts[symbol] << 8) | (uint)symbol;
        }

        leaves.Sort();

        // One row per level: whether the n-th cheapest item is a leaf (a symbol) or a package of two items of the row before.
        Span<bool> isLeaf = stackalloc bool[Max * 2 * Symbols];
        Span<ulong> row = stackalloc ulong[2 * Symbols];
        Span<ulong> next = stackalloc ulong[2 * Symbols];
        int length = 0;
        for (int level = 0; level < Max; level++)
        {
            length = Merge(leaves, row[..length], next, isLeaf[(level * 2 * Symbols)..]);
            Span<ulong> swap = row;
            row = next;
            next = swap;
        }

        lengths[..Symbols].Clear();
        int taken = (2 * Symbols) - 2;
        for (int level = Max - 1; level >= 0 && taken > 0; level--)
        {
            int packages = 0;
            int leaf = 0;
            foreach (bool isSymbol in isLeaf.Slice(level * 2 * Symbols, taken))
            {
                if (isSymbol)
                {
                    lengths[(byte)leaves[leaf++]]++;
                }
                else
                {
                    packages++;
                }
            }

            taken = 2 * packages;
        }
    }

    private static int Merge(ReadOnlySpan<ulong> leaves, ReadOnlySpan<ulong> previous, Span<ulong> merged, Span<bool> isLeaf)
    {
        int leaf = 0;
        int package = 0;
        int packages = previous.Length / 2;
        int count = 0;
        while (leaf < leaves.Length || package < packages)
        {
            ulong leafCost = leaf < leaves.Length ? leaves[leaf] >> 8 : ulong.MaxValue;
            ulong packageCost = package < packages ? (previous[2 * package] >> 8) + (previous[(2 * package) + 1] >> 8) : ulong.MaxValue;
            bool takeLeaf = leafCost <= packageCost;
            merged[count] = (takeLeaf ? leafCost : packageCost) << 8;
            isLeaf[count++] = takeLeaf;
            leaf += takeLeaf ? 1 : 0;
            package += takeLeaf ? 0 : 1;
        }

        return count;
    }
}
