namespace AiModels.Controllers.Preparation.Sources.Hubs;

/// <summary>
/// What all transfers of this process share, whatever the model and the hub: connections that carry bytes, each with the buffer it fills, and room for files
/// that are being cut into chunks. Bounds the memory of preparation. Thread-safe.
/// </summary>
internal sealed class TransferBudget(int connections) : IDisposable
{
    /// <summary>4 MiB: the cost of a request vanishes, and sixteen of them in flight are 64 MiB.</summary>
    public const int RangeLength = 4 * 1024 * 1024;

    /// <summary>
    /// 64 MiB: a chunk of 16 MiB is received while another is encoded and sent (each takes twice its size, raw and encoded).
    /// Larger chunks take what they need.
    /// </summary>
    public const long FileBytes = 64L * 1024 * 1024;

    // Three large files at a time, or one of a model so large that its chunks have 128 MiB.
    private const long AllFiles = 3 * FileBytes;

    private readonly SemaphoreSlim _connections = new(connections);
    private readonly Lock _lock = new();
    private readonly LinkedList<(long Bytes, TaskCompletionSource Turn)> _waiting = [];
    private long _free = AllFiles;

    /// <summary>Connections that nobody holds.</summary>
    public int FreeConnections => _connections.CurrentCount;

    /// <summary>Whether no file holds room.</summary>
    public bool IsRoomFree
    {
        get
        {
            lock (_lock)
            {
                return _free == AllFiles;
            }
        }
    }

    /// <summary>A connection and its buffer. Waiters are served before those who only try.</summary>
    public Task AcquireConnectionAsync(CancellationToken cancellationToken) => _connections.WaitAsync(cancellationToken);

    /// <summary>One more connection for somebody who has one already; false when none is left.</summary>
    public bool TryAcquireConnection() => _connections.Wait(0, CancellationToken.None);

    public void ReleaseConnection() => _connections.Release();

    /// <summary>
    /// Room for a file, all of it at once so that nobody waits for a second part while holding a first. In the order of asking. A file that needs more than
    /// there is gets all there is.
    /// </summary>
    public async Task<IDisposable> AdmitFileAsync(long bytes, CancellationToken cancellationToken)
    {
        bytes = Math.Clamp(bytes, 1, AllFiles);
        var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        LinkedListNode<(long, TaskCompletionSource)> node;
        lock (_lock)
        {
            node = _waiting.AddLast((bytes, turn));
            ServeWaiting();
        }

        try
        {
            await turn.Task.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            lock (_lock)
            {
                // Served at the very moment it gave up: the room goes back.
                if (turn.Task.IsCompleted)
                {
                    _free += bytes;
                }
                else
                {
                    _waiting.Remove(node);
                }

                ServeWaiting();
            }

            throw;
        }

        return new Room(this, bytes);
    }

    public void Dispose() => _connections.Dispose();

    /// <summary>Called under the lock.</summary>
    private void ServeWaiting()
    {
        while (_waiting.First is { } first && first.Value.Bytes <= _free)
        {
            _waiting.RemoveFirst();
            _free -= first.Value.Bytes;
            first.Value.Turn.SetResult();
        }
    }

    private sealed class Room(TransferBudget budget, long bytes) : IDisposable
    {
        private int _isReturned;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _isReturned, 1) == 1)
            {
                return;
            }

            lock (budget._lock)
            {
                budget._free += bytes;
                budget.ServeWaiting();
            }
        }
    }
}
