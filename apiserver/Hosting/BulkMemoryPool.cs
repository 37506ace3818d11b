using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;

namespace AiModels.Hosting;

/// <summary>
/// Gives Kestrel larger blocks than its own 4 KiB for servers that move gigabytes: it receives and sends by the block, so with these a
/// sixteenth of the system calls and of the bookkeeping remains.
/// </summary>
public static class BulkMemoryPool
{
    /// <summary>Replaces the memory pool of this application's connections.</summary>
    public static IServiceCollection AddBulkMemoryPool(this IServiceCollection services) => services
        .AddSingleton<Factory>()
        .AddSingleton<IMemoryPoolFactory<byte>>(provider => provider.GetRequiredService<Factory>())
        .AddSingleton<ISpareMemory>(provider => provider.GetRequiredService<Factory>());

    private sealed class Factory : IMemoryPoolFactory<byte>, ISpareMemory
    {
        // A handful for the life of the server: one for each of its transport's queues.
        private readonly ConcurrentQueue<Pool> _pools = new();

        public MemoryPool<byte> Create(MemoryPoolOptions? options = null)
        {
            var pool = new Pool();
            _pools.Enqueue(pool);
            return pool;
        }

        public void Release()
        {
            foreach (Pool pool in _pools)
            {
                pool.Release();
            }
        }
    }

    private sealed class Pool : MemoryPool<byte>
    {
        // 64 KiB: larger ones gain nothing more, and a connection that is being read holds one.
        private const int BlockSize = 64 * 1024;

        // 16 MiB of spare blocks a pool; a burst above it is collected like any garbage.
        private const int MaxSpare = 256;

        // The block given back last is handed out first: it is the one that the processor's caches still hold.
        private readonly Stack<Block> _spare = new();
        private readonly Lock _lock = new();
        private bool _isDisposed;

        public override int MaxBufferSize => BlockSize;

        public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, BlockSize);
            lock (_lock)
            {
                if (_spare.TryPop(out Block? block))
                {
                    return block;
                }
            }

            return new Block(this);
        }

        public void Release()
        {
            lock (_lock)
            {
                _spare.Clear();
            }
        }

        protected override void Dispose(bool disposing)
        {
            lock (_lock)
            {
                _isDisposed = true;
                _spare.Clear();
            }
        }

        private void Return(Block block)
        {
            lock (_lock)
            {
                if (!_isDisposed && _spare.Count < MaxSpare)
                {
                    _spare.Push(block);
                }
            }
        }

        /// <summary>Pinned for good: the kernel reads and writes it.</summary>
        private sealed class Block(Pool pool) : IMemoryOwner<byte>
        {
            public Memory<byte> Memory { get; } = Allocate();

            public void Dispose() => pool.Return(this);

            private static Memory<byte> Allocate() =>
                MemoryMarshal.CreateFromPinnedArray(GC.AllocateUninitializedArray<byte>(BlockSize, pinned: true), 0, BlockSize);
        }
    }
}
