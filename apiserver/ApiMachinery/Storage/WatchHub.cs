using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace AiModels.ApiMachinery.Storage;

/// <summary>
/// Fans committed events out to any number of watchers. The newest events are held once, in a ring that all watchers read;
/// a watcher is a position in it, so a slow one costs nothing and holds nothing up. Who asks for older events than the ring holds,
/// or falls behind it, is served from the engine's own history through <see cref="IWatchHistory"/> until the ring is reached again;
/// that history is what ends in <see cref="RevisionCompactedException"/>. For engines, in this project and in others.
/// </summary>
/// <param name="revision">Revision of the newest commit at start: the ring holds everything after it.</param>
/// <param name="history">Where older events come from.</param>
/// <param name="capacity">How many events the ring holds. A power of two is not needed.</param>
/// <param name="maximumBytes">How many bytes of values the ring may keep alive.</param>
public sealed class WatchHub(long revision, IWatchHistory history, int capacity = 8192, long maximumBytes = 64L << 20)
{
    // A watcher takes at most so many events at a time: long enough to spare the lock, short enough to stay fair.
    private const int BatchSize = 64;

    private readonly Lock _lock = new();
    private readonly HubEvent[] _ring = new HubEvent[capacity];
    private readonly List<Subscription> _subscriptions = [];
    private readonly List<Laggard> _behind = [];
    private long _first;          // sequence number of the oldest event in the ring
    private long _next;           // sequence number that the next event gets
    private long _bytes;
    private long _floor = revision;   // the ring holds every event after this revision
    private long _newest = revision;
    private bool _closed;

    /// <summary>How many watchers are open now.</summary>
    public int WatcherCount
    {
        get
        {
            lock (_lock)
            {
                return _subscriptions.Count;
            }
        }
    }

    /// <summary>Revision of the newest event or of the last <see cref="Advance"/>.</summary>
    public long NewestRevision
    {
        get
        {
            lock (_lock)
            {
                return _newest;
            }
        }
    }

    /// <summary>Up to this revision every watcher has been given what concerns it, or finds it ready.</summary>
    public long WatchedRevision
    {
        get
        {
            lock (_lock)
            {
                long revision = _newest;
                foreach (Laggard laggard in _behind)
                {
                    revision = Math.Min(revision, laggard.Position);
                }

                return revision;
            }
        }
    }

    /// <summary>Adds committed events, in revision order, and wakes those who wait for them. Called by the engine's one writer.</summary>
    public void Publish(IReadOnlyList<HubEvent> events)
    {
        lock (_lock)
        {
            foreach (HubEvent item in events)
            {
                Append(item);
            }

            foreach (Subscription subscription in _subscriptions)
            {
                Notify(subscription, events);
            }
        }
    }

    /// <summary>There is no event between the newest one and this revision: watchers who have taken everything have reached it.</summary>
    public void Advance(long revision)
    {
        lock (_lock)
        {
            _newest = Math.Max(_newest, revision);
            foreach (Subscription subscription in _subscriptions)
            {
                Notify(subscription, []);
            }
        }
    }

    /// <summary>Drops events up to this revision from the ring: who still wants one of them reads the history.</summary>
    public void Forget(long revision)
    {
        lock (_lock)
        {
            while (_first < _next && _ring[_first % _ring.Length].Event.Object.Revision <= revision)
            {
                DropOldest();
            }
        }
    }

    /// <summary>
    /// Events up to this revision were missed for good: the ring begins anew after it. Who has not got so far is referred to the history, which tells
    /// that it was compacted.
    /// </summary>
    public void Reset(long revision)
    {
        lock (_lock)
        {
            Array.Clear(_ring);
            (_first, _bytes) = (++_next, 0); // a position in the ring of before is behind the ring of now
            (_floor, _newest) = (revision, Math.Max(_newest, revision));
            foreach (Subscription subscription in _subscriptions)
            {
                subscription.HasMore = true;
                subscription.Signal.Writer.TryWrite(true);
            }
        }
    }

    /// <summary>Ends every watch with <see cref="StoreUnavailableException"/>: the engine is closing.</summary>
    public void Close()
    {
        lock (_lock)
        {
            _closed = true;
            foreach (Subscription subscription in _subscriptions)
            {
                subscription.Signal.Writer.TryComplete();
            }
        }
    }

    /// <summary>See <see cref="IObjectStore.WatchAsync"/>.</summary>
    public async IAsyncEnumerable<StoreEvent> WatchAsync(string prefix, long afterRevision, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        long position = afterRevision;
        while (true)
        {
            using Subscription? subscription = Subscribe(prefix, position);
            if (subscription is null)
            {
                using Laggard laggard = FallBehind(position);
                HistoryPage page = await history.ReadAsync(prefix, position, cancellationToken);
                foreach (StoreEvent past in page.Events)
                {
                    yield return past;
                }

                position = page.Through;
                continue;
            }

            var batch = new StoreEvent[BatchSize];
            while (Take(subscription, batch) is var count && count >= 0)
            {
                for (int i = 0; i < count; i++)
                {
                    yield return batch[i];
                    batch[i] = null!;
                }

                if (count == 0 && !await subscription.Signal.Reader.WaitToReadAsync(cancellationToken))
                {
                    throw new StoreUnavailableException("the store is closing");
                }
            }

            position = subscription.Position;
        }
    }

    private void Append(HubEvent item)
    {
        if (_next - _first == _ring.Length)
        {
            DropOldest();
        }

        _ring[_next++ % _ring.Length] = item;
        _newest = item.Event.Object.Revision;
        _bytes += SizeOf(item);
        while (_bytes > maximumBytes && _next - _first > 1)
        {
            DropOldest();
        }
    }

    private void DropOldest()
    {
        ref HubEvent oldest = ref _ring[_first++ % _ring.Length];
        _floor = oldest.Event.Object.Revision;
        _bytes -= SizeOf(oldest);
        oldest = default;
    }

    // The previous value is the value of an earlier event or of a row just read: counted too, so that the bound holds for sure.
    private static long SizeOf(in HubEvent item) => item.Event.Object.Value.Length + (item.Event.PreviousValue?.Length ?? 0);

    // A watcher that has taken everything and is not concerned moves on without being woken, so that quiet watchers never fall behind.
    private void Notify(Subscription subscription, IReadOnlyList<HubEvent> events)
    {
        if (subscription.HasMore)
        {
            return;
        }

        foreach (HubEvent item in events)
        {
            if (item.Path.StartsWith(subscription.Prefix, StringComparison.Ordinal) && item.Event.Object.Revision > subscription.Position)
            {
                subscription.HasMore = true;
                subscription.Signal.Writer.TryWrite(true);
                return;
            }
        }

        subscription.Sequence = _next;
        subscription.Position = Math.Max(subscription.Position, _newest);
    }

    // Null when the ring does not reach back to the position.
    private Subscription? Subscribe(string prefix, long position)
    {
        lock (_lock)
        {
            if (_closed)
            {
                throw new StoreUnavailableException("the store is closing");
            }

            if (position < _floor)
            {
                return null;
            }

            var subscription = new Subscription(this, prefix) { Position = position, Sequence = SequenceAfter(position), HasMore = true };
            _subscriptions.Add(subscription);
            return subscription;
        }
    }

    // First sequence number whose event is newer than the revision, by bisection: revisions rise through the ring.
    private long SequenceAfter(long position)
    {
        long low = _first, high = _next;
        while (low < high)
        {
            long middle = low + (high - low) / 2;
            if (_ring[middle % _ring.Length].Event.Object.Revision > position)
            {
                high = middle;
            }
            else
            {
                low = middle + 1;
            }
        }

        return low;
    }

    // The next events for the watcher: how many, 0 when there are none for now, -1 when the ring has left it behind.
    private int Take(Subscription subscription, StoreEvent[] batch)
    {
        lock (_lock)
        {
            if (subscription.Sequence < _first && subscription.Position < _floor)
            {
                return -1;
            }

            subscription.Sequence = Math.Max(subscription.Sequence, _first);

            int count = 0;
            while (subscription.Sequence < _next && count < batch.Length)
            {
                ref readonly HubEvent item = ref _ring[subscription.Sequence++ % _ring.Length];
                long at = item.Event.Object.Revision;
                if (at > subscription.Position && item.Path.StartsWith(subscription.Prefix, StringComparison.Ordinal))
                {
                    batch[count++] = item.Event;
                }

                subscription.Position = Math.Max(subscription.Position, at);
            }

            if (count == 0)
            {
                subscription.HasMore = false;
                subscription.Signal.Reader.TryRead(out _);
            }

            return count;
        }
    }

    private Laggard FallBehind(long position)
    {
        var laggard = new Laggard(this, position);
        lock (_lock)
        {
            _behind.Add(laggard);
        }

        return laggard;
    }

    private void Catch(Laggard laggard)
    {
        lock (_lock)
        {
            _behind.Remove(laggard);
        }
    }

    private void Unsubscribe(Subscription subscription)
    {
        lock (_lock)
        {
            _subscriptions.Remove(subscription);
        }
    }

    // A watcher that reads history has everything up to its position, and nothing is known beyond it.
    private sealed class Laggard(WatchHub hub, long position) : IDisposable
    {
        public long Position { get; } = position;

        public void Dispose() => hub.Catch(this);
    }

    // State of one watcher; guarded by the hub's lock.
    private sealed class Subscription(WatchHub hub, string prefix) : IDisposable
    {
        public string Prefix { get; } = prefix;

        // Everything up to this revision has been handed out (or was of no concern).
        public long Position { get; set; }
        public long Sequence { get; set; }

        // Whether the ring may hold something for the watcher that it has not taken.
        public bool HasMore { get; set; }
        public Channel<bool> Signal { get; } =
            Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });

        public void Dispose() => hub.Unsubscribe(this);
    }
}
