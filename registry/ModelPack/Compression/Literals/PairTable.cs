using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace AiModels.ModelPack.Compression.Literals;

/// <summary>
/// The code of every pair of bytes: one look-up for two symbols. Of the 64 Ki entries those for the exponents that occur are used, some ten
/// KiB, which the first-level cache holds. Entry: code in the low 24 bits, its length above.
/// </summary>
internal sealed unsafe class PairTable : SafeHandle
{
    private const int Alignment = 64;
    private const int TableBytes = sizeof(uint) * CodeLengths.Symbols * CodeLengths.Symbols;

    // A quarter of a block at 11 bits a byte, and the eight bytes a stream writes too far.
    private const int ScratchBytes = (32 * 1024 * CodeLengths.Max / 8) + 64;

    public PairTable()
        : base(0, ownsHandle: true) =>
        SetHandle((nint)NativeMemory.AlignedAlloc(TableBytes + ScratchBytes, Alignment));

    public override bool IsInvalid => handle == 0;

    /// <summary>Indexed by the pair as a little-endian number: the first byte is the low one.</summary>
    public uint* Entries => (uint*)handle;

    /// <summary>Room for one stream.</summary>
    public byte* Scratch => (byte*)handle + TableBytes;

    /// <summary>Code of each single symbol, in the same form.</summary>
    public uint[] Singles { get; } = new uint[CodeLengths.Symbols];

    /// <summary>
    /// Canonical codes as RFC 8878, 4.2.1.3 assigns them (longest codes from 0 on, symbols of a length in natural order), and all their pairs.
    /// Streams are written backwards, so the second byte of a pair comes into the lower bits.
    /// </summary>
    public void Fill(ReadOnlySpan<byte> lengths)
    {
        Span<int> perLength = stackalloc int[CodeLengths.Max + 2];
        perLength.Clear();
        foreach (byte length in lengths)
        {
            perLength[length]++;
        }

        Span<int> next = stackalloc int[CodeLengths.Max + 2];
        int code = 0;
        for (int length = CodeLengths.Max; length > 0; length--)
        {
            next[length] = code;
            code = (code + perLength[length]) >> 1;
        }

        for (int symbol = 0; symbol < CodeLengths.Symbols; symbol++)
        {
            Singles[symbol] = (uint)next[lengths[symbol]]++ | ((uint)lengths[symbol] << 24);
        }

        FillPairs();
    }

    protected override bool ReleaseHandle()
    {
        NativeMemory.AlignedFree((void*)handle);
        return true;
    }

    private void FillPairs()
    {
        Vector256<uint> codeMask = Vector256.Create(0x00FF_FFFFu);
        fixed (uint* singles = Singles)
        {
            uint* entry = Entries;
            for (int second = 0; second < CodeLengths.Symbols; second++)
            {
                int shift = (int)(singles[second] >> 24);
                Vector256<uint> below = Vector256.Create(singles[second]);
                for (int first = 0; first < CodeLengths.Symbols; first += Vector256<uint>.Count, entry += Vector256<uint>.Count)
                {
                    Vector256<uint> above = Vector256.Load(singles + first);

                    // Lengths add up in the high byte; the first byte's code goes above the second's.
                    Vector256.Store(((above & codeMask) << shift) + (above & ~codeMask) + below, entry);
                }
            }
        }
    }
}
