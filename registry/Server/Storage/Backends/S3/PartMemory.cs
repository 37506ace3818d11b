using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace AiModels.Registry.Storage.Backends.S3;

/// <summary>
/// The memory of what is being sent: a part stays in it whole until the server has it, because it may have to be sent again; one that carries its own hash
/// must also be there whole before its first byte goes.
/// Transfers take turns when it is used up. Slow clients cannot stop the others by holding it: who has waited long gets memory beyond the bound, and sooner
/// when nobody gives any back.
/// </summary>
internal sealed class PartMemory : IDisposable
{
    public const int BlockSize = 1024 * 1024;

    // Fast transfers pass their memory on within moments; only clients that dribble hold all of it this long.
    private static readonly TimeSpan LongestStandstill = TimeSpan.FromSeconds(15);

    // What is given back may be too little for the one who waits, again and again.
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(60);

    private readonly ConcurrentBag<nint> _free = [];
    private readonly TimeProvider _clock;
    private readonly int _capacity;
    private readonly Lock _gate = new();
    private TaskCompletionSource _returned = NewSignal();
    private int _used;
    private bool _isDisposed;

    public PartMemory(long capacity, TimeProvider clock)
    {
        _capacity = (int)(capacity / BlockSize);
        _clock = clock;
    }

    /// <summary>Memory for a part of up to <paramref name="size"/> bytes, waiting for it if need be.</summary>
    public async ValueTask<PartBuffer> RentAsync(long size, CancellationToken cancellationToken)
    {
        int blocks = BlocksOf(size);
        long started = _clock.GetTimestamp(), moved = started;
        while (!TryReserve(blocks, out Task returned))
        {
            TimeSpan standstill = LongestStandstill - _clock.GetElapsedTime(moved), wait = LongestWait - _clock.GetElapsedTime(started);
            TimeSpan left = standstill < wait ? standstill : wait;
            if (left <= TimeSpan.Zero)
            {
                Reserve(blocks);
                break;
            }

            await returned.WaitAsync(left, _clock, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
            moved = returned.IsCompleted ? _clock.GetTimestamp() : moved;
        }

        return new PartBuffer(this, blocks);
    }

    /// <summary>Memory for a part if there is some at once.</summary>
    public PartBuffer? TryRent(long size)
    {
        int blocks = BlocksOf(size);
        return TryReserve(blocks, out _) ? new PartBuffer(this, blocks) : null;
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
        }

        FreeAll();
    }

    internal unsafe nint TakeBlock() => _free.TryTake(out nint block) ? block : (nint)NativeMemory.Alloc(BlockSize);

    internal unsafe void Return(int reserved, IReadOnlyList<nint> blocks)
    {
        bool isKept;
        TaskCompletionSource returned;
        lock (_gate)
        {
            _used -= reserved;
            isKept = !_isDisposed && _free.Count + blocks.Count <= _capacity;
            (returned, _returned) = (_returned, NewSignal());
        }

        foreach (nint block in blocks)
        {
            if (isKept)
            {
                _free.Add(block);
            }
            else
            {
                NativeMemory.Free((void*)block);
            }
        }

        returned.SetResult();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal static int BlocksOf(long size) => (int)Math.Max(1, (size + BlockSize - 1) / BlockSize);

    // What is larger than everything gets through when nothing else is out.
    private bool TryReserve(int blocks, out Task returned)
    {
        lock (_gate)
        {
            returned = _returned.Task;
            if (_used > 0 && _used + blocks > _capacity)
            {
                return false;
            }

            _used += blocks;
            return true;
        }
    }

    /// <summary>Beyond the bound if need be.</summary>
    internal void Reserve(int blocks)
    {
        lock (_gate)
        {
            _used += blocks;
        }
    }

    private unsafe void FreeAll()
    {
        while (_free.TryTake(out nint block))
        {
            NativeMemory.Free((void*)block);
        }
    }
}
