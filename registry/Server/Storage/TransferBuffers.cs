using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace AiModels.Registry.Storage;

/// <summary>
/// The memory that moving bytes may use. A transfer gets large page-aligned blocks (which can go to the disk without another copy) while there are any, and small
/// ones when all are in use, so that many or slow clients make each other slower but never make the process larger.
/// </summary>
internal sealed class TransferBuffers : IDisposable
{
    /// <summary>1 MiB: large enough that a system call per block costs nothing, small enough that sixty-four transfers fit.</summary>
    public const int LargeSize = 1024 * 1024;

    /// <summary>64 KiB: what a transfer gets when the large blocks are out.</summary>
    public const int SmallSize = 64 * 1024;

    // 4 KiB: the block size that O_DIRECT asks for on every disk of today.
    internal const int Alignment = 4096;

    private readonly ConcurrentBag<AlignedBlock> _free = [];
    private readonly int _capacity;
    private int _made;
    private volatile bool _disposed;

    /// <param name="capacity">How many large blocks there may be. 12 MiB keep the process below 150 MiB with 64 parallel transfers.</param>
    public TransferBuffers(int capacity = 12) => _capacity = capacity;

    /// <summary>A block for a transfer of about <paramref name="expected"/> bytes (null: unknown). Dispose gives it back.</summary>
    public IMemoryOwner<byte> Rent(long? expected)
    {
        if (expected <= SmallSize)
        {
            return MemoryPool<byte>.Shared.Rent(SmallSize);
        }

        if (_free.TryTake(out AlignedBlock? block))
        {
            return block.Lease();
        }

        if (Interlocked.Increment(ref _made) <= _capacity)
        {
            return new AlignedBlock(this).Lease();
        }

        Interlocked.Decrement(ref _made);
        return MemoryPool<byte>.Shared.Rent(SmallSize);
    }

    public void Dispose()
    {
        _disposed = true;
        while (_free.TryTake(out AlignedBlock? block))
        {
            block.Free();
        }
    }

    private void Return(AlignedBlock block)
    {
        if (_disposed)
        {
            block.Free();
            return;
        }

        _free.Add(block);
    }

    private sealed unsafe class AlignedBlock(TransferBuffers owner) : MemoryManager<byte>
    {
        private byte* _pointer = (byte*)NativeMemory.AlignedAlloc(LargeSize, Alignment);
        private int _leased;

        public AlignedBlock Lease()
        {
            Interlocked.Exchange(ref _leased, 1);
            return this;
        }

        public override Span<byte> GetSpan() => new(_pointer, LargeSize);

        public override MemoryHandle Pin(int elementIndex = 0) => new(_pointer + elementIndex);

        public override void Unpin()
        {
        }

        public void Free()
        {
            NativeMemory.AlignedFree(_pointer);
            _pointer = null;
        }

        // Giving a block back twice would hand it to two transfers.
        protected override void Dispose(bool disposing)
        {
            if (Interlocked.Exchange(ref _leased, 0) == 1)
            {
                owner.Return(this);
            }
        }
    }
}
