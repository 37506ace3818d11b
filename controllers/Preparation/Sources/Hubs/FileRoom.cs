namespace AiModels.Controllers.Preparation.Sources.Hubs;

/// <summary>
/// Bytes of memory that files take while they are cut into chunks. A file gets all of its room at once, so that nobody waits for a second part while holding a
/// first. Of those who wait, the model that holds the least is next, then the one that has asked first: the many files of one model do not keep others waiting.
/// Thread-safe.
/// </summary>
/// <param name="all">Bytes there are.</param>
/// <param name="mostForLong">Bytes that files which take long may hold together, so that some room is always soon free for the others.</param>
internal sealed class FileRoom(long all, long mostForLong)
{
    private readonly Lock _lock = new();
    private readonly long _all = all;
    private readonly LinkedList<Request> _waiting = [];
    private readonly Dictionary<string, long> _held = [];
    private long _free = all;
    private long _heldByLong;

    /// <summary>Whether nobody holds any.</summary>
    public bool IsFree
    {
        get
        {
            lock (_lock)
            {
                return _free == _all;
            }
        }
    }

    /// <summary>A file that needs more than there is gets all there is.</summary>
    /// <param name="owner">The model.</param>
    public async Task<IDisposable> AdmitAsync(string owner, long bytes, bool isLong, CancellationToken cancellationToken)
    {
        var request = new Request(owner, Math.Clamp(bytes, 1, _all), isLong);
        LinkedListNode<Request> node;
        lock (_lock)
        {
            node = _waiting.AddLast(request);
            Serve();
        }

        try
        {
            await request.Turn.Task.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            lock (_lock)
            {
                // Served at the very moment it gave up: the room goes back.
                if (request.Turn.Task.IsCompleted)
                {
                    Return(request);
                }
                else
                {
                    _waiting.Remove(node);
                    Serve();
                }
            }

            throw;
        }

        return new Room(this, request);
    }

    /// <summary>Called under the lock. Whoever is next and does not fit holds up those behind, or large files would wait for ever.</summary>
    private void Serve()
    {
        while (_waiting.Where(MayCome).MinBy(request => _held.GetValueOrDefault(request.Owner)) is { } next && next.Bytes <= _free)
        {
            _waiting.Remove(next);
            _free -= next.Bytes;
            _heldByLong += next.IsLong ? next.Bytes : 0;
            _held[next.Owner] = _held.GetValueOrDefault(next.Owner) + next.Bytes;
            next.Turn.SetResult();
        }
    }

    /// <summary>One that alone needs more than the long ones' share comes when no other long one is there.</summary>
    private bool MayCome(Request request) => !request.IsLong || _heldByLong == 0 || _heldByLong + request.Bytes <= mostForLong;

    /// <summary>Called under the lock.</summary>
    private void Return(Request request)
    {
        _free += request.Bytes;
        _heldByLong -= request.IsLong ? request.Bytes : 0;
        _held[request.Owner] -= request.Bytes;
        if (_held[request.Owner] == 0)
        {
            _held.Remove(request.Owner);
        }

        Serve();
    }

    private sealed class Request(string owner, long bytes, bool isLong)
    {
        public string Owner => owner;
        public long Bytes => bytes;
        public bool IsLong => isLong;
        public TaskCompletionSource Turn { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private sealed class Room(FileRoom room, Request request) : IDisposable
    {
        private int _isReturned;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _isReturned, 1) == 1)
            {
                return;
            }

            lock (room._lock)
            {
                room.Return(request);
            }
        }
    }
}
