using System.Threading.Channels;

namespace AiModels.Controllers.Runtime;

/// <summary>
/// A queue of keys in which a key is at most once, and which never hands out a key that is being worked on: a key added meanwhile is marked dirty and
/// comes back when <see cref="Done"/> is called. Keys can be added for later; of several times the earliest counts. Thread-safe.
/// </summary>
/// <example>
/// <code>
/// TKey key = await queue.TakeAsync(cancellationToken);
/// try { ... } finally { queue.Done(key); }
/// </code>
/// </example>
internal sealed class WorkQueue<TKey>(TimeProvider time, Backoff<TKey> backoff) : IDisposable
    where TKey : notnull
{
    // Timers end at 49 days. A key that comes back early is looked at and waits again.
    private static readonly TimeSpan LongestTimer = TimeSpan.FromDays(30);

    private readonly Lock _lock = new();
    private readonly Channel<TKey> _ready = Channel.CreateUnbounded<TKey>();
    private readonly HashSet<TKey> _dirty = [];
    private readonly HashSet<TKey> _working = [];
    private readonly Dictionary<TKey, Delayed> _delayed = [];
    private bool _isDisposed;

    /// <summary>How many keys wait for a worker.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _dirty.Count;
            }
        }
    }

    /// <summary>Puts the key into the queue unless it is there already.</summary>
    public void Add(TKey key)
    {
        lock (_lock)
        {
            if (!_isDisposed && _dirty.Add(key) && !_working.Contains(key))
            {
                _ready.Writer.TryWrite(key);
            }
        }
    }

    /// <summary>Puts the key into the queue after a while.</summary>
    public void AddAfter(TKey key, TimeSpan delay)
    {
        if (delay <= TimeSpan.Zero)
        {
            Add(key);
            return;
        }

        lock (_lock)
        {
            DateTimeOffset due = time.GetUtcNow() + delay;
            if (_isDisposed || (_delayed.TryGetValue(key, out Delayed? known) && known.Due <= due))
            {
                return;
            }

            known?.Timer?.Dispose();
            var entry = new Delayed(key, due);
            _delayed[key] = entry;
            TimeSpan wait = delay < LongestTimer ? delay : LongestTimer;
            entry.Timer = time.CreateTimer(static state => ((Action)state!)(), () => OnDue(entry), wait, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Puts the key back after a failure, later each time.</summary>
    public void AddRateLimited(TKey key) => AddAfter(key, backoff.Next(key));

    /// <summary>The key worked: its delays start anew.</summary>
    public void Forget(TKey key) => backoff.Forget(key);

    /// <summary>Waits for a key. Every key that was taken must be given to <see cref="Done"/>.</summary>
    public async ValueTask<TKey> TakeAsync(CancellationToken cancellationToken)
    {
        TKey key = await _ready.Reader.ReadAsync(cancellationToken);
        lock (_lock)
        {
            _dirty.Remove(key);
            _working.Add(key);
        }

        return key;
    }

    /// <summary>Work on the key has ended; if it became dirty meanwhile it is queued again.</summary>
    public void Done(TKey key)
    {
        lock (_lock)
        {
            _working.Remove(key);
            if (_dirty.Contains(key))
            {
                _ready.Writer.TryWrite(key);
            }
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _isDisposed = true;
            foreach (Delayed entry in _delayed.Values)
            {
                entry.Timer?.Dispose();
            }

            _delayed.Clear();
        }
    }

    private void OnDue(Delayed entry)
    {
        lock (_lock)
        {
            entry.Timer?.Dispose();

            // An earlier time may have replaced this one while its timer was firing.
            if (!_delayed.TryGetValue(entry.Key, out Delayed? current) || current != entry)
            {
                return;
            }

            _delayed.Remove(entry.Key);
        }

        Add(entry.Key);
    }

    private sealed class Delayed(TKey key, DateTimeOffset due)
    {
        public TKey Key { get; } = key;
        public DateTimeOffset Due { get; } = due;
        public ITimer? Timer { get; set; }
    }
}
