using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace AiModels.ModelPack.Chunking;

/// <summary>
/// A large buffer outside of the managed heap: page-aligned, so that it may go to a file opened with O_DIRECT, and never moved or
/// compacted by the collector. Rented from a process-wide pool; give it back with <see cref="Return"/> exactly once.
/// </summary>
internal sealed unsafe class Segment : MemoryManager<byte>
{
    /// <summary>Bytes of content: one zstd frame's worth.</summary>
    public const int Size = 2 * 1024 * 1024;

    /// <summary>What is allocated: content, and the few KiB a frame of incompressible content takes more.</summary>
    public const int Capacity = Size + (64 * 1024);

    // 32 spare segments (66 MiB) serve two transfers at full speed; more of them go back to the system.
    private const int MaxSpare = 32;

    private const int PageSize = 4096;

    private static readonly ConcurrentStack<Segment> Spare = new();
    private static int _inUse;
    private byte* _pointer;
    private int _rented;

    private Segment() => _pointer = (byte*)NativeMemory.AlignedAlloc(Capacity, PageSize);

    /// <summary>Segments rented and not returned, in the whole process.</summary>
    public static int InUse => Volatile.Read(ref _inUse);

    /// <summary>How many bytes of it are content.</summary>
    public int Length { get; set; }

    public ReadOnlyMemory<byte> Content => Memory[..Length];

    public ReadOnlySpan<byte> ContentSpan => new(_pointer, Length);

    public static Segment Rent()
    {
        if (!Spare.TryPop(out Segment? segment))
        {
            segment = new Segment();
        }

        segment.Length = 0;
        Volatile.Write(ref segment._rented, 1);
        Interlocked.Increment(ref _inUse);
        return segment;
    }

    public void Return()
    {
        if (Interlocked.Exchange(ref _rented, 0) != 1)
        {
            throw new InvalidOperationException("A segment was returned twice.");
        }

        Interlocked.Decrement(ref _inUse);
        if (Spare.Count < MaxSpare)
        {
            Spare.Push(this);
        }
        else
        {
            ((IDisposable)this).Dispose();
        }
    }

    public override Span<byte> GetSpan() => new(_pointer, Capacity);

    public override MemoryHandle Pin(int elementIndex = 0) => new(_pointer + elementIndex);

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing) => Free();

    private void Free()
    {
        NativeMemory.AlignedFree(_pointer);
        _pointer = null;
    }
}
