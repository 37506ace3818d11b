using System.Runtime.InteropServices;

namespace AiModels.EtcdStore;

/// <summary>
/// The keys of all objects with the revisions that wrote them, as of one revision, kept up by the replica's watch. Who knows from etcd that nothing newer is
/// committed reads keys here and need not ask etcd for them.
/// </summary>
internal sealed class KeyIndex(TimeProvider time)
{
    // An event comes within a millisecond or so. Much longer waits only who waits for a revision that is not of this installation: the watch is not told of it.
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(50);

    private readonly Lock _lock = new();
    private readonly List<IndexedKey> _keys = [];
    private long _revision;
    private bool _isOvertaken;
    private TaskCompletionSource? _moved;

    /// <summary>Begins anew with everything there is at a revision, in bytewise order of the keys.</summary>
    public void Load(IEnumerable<IndexedKey> keys, long revision)
    {
        lock (_lock)
        {
            _keys.Clear();
            _keys.AddRange(keys);
            _revision = revision;
            Moved();
        }
    }

    /// <summary>Knows nothing until it is loaded again: changes were missed.</summary>
    public void Clear()
    {
        lock (_lock)
        {
            _keys.Clear();
            _revision = 0;
        }
    }

    /// <summary>Up to where everything is known; 0 when nothing is.</summary>
    public long Revision
    {
        get
        {
            lock (_lock)
            {
                return _revision;
            }
        }
    }

    /// <summary>Takes in changes in their order, and that there are no others up to a revision. What it was loaded with is passed over.</summary>
    public void Follow(IReadOnlyList<KeyChange> changes, long through)
    {
        lock (_lock)
        {
            if (through <= _revision || _revision == 0)
            {
                return;
            }

            foreach (KeyChange change in changes)
            {
                if (change.Revision > _revision)
                {
                    Take(change);
                }
            }

            _revision = through;
            _isOvertaken = false;
            Moved();
        }
    }

    /// <summary>
    /// Waits a moment until everything up to a revision is known here. False when it is not: whoever asks has to ask etcd. After a wait that was in vain
    /// nobody waits until the watch tells something.
    /// </summary>
    public async ValueTask<bool> ReachAsync(long revision, CancellationToken cancellationToken)
    {
        long started = time.GetTimestamp();
        while (true)
        {
            Task moved;
            lock (_lock)
            {
                if (_revision >= revision)
                {
                    return true;
                }

                _isOvertaken |= time.GetElapsedTime(started) >= Patience;
                if (_revision == 0 || _isOvertaken)
                {
                    return false;
                }

                _moved ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                moved = _moved.Task;
            }

            await moved.WaitAsync(Patience, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    /// <summary>The revision that wrote an object, if it is known to exist.</summary>
    public long? RevisionOf(string path)
    {
        lock (_lock)
        {
            int at = LowerBound(path);
            return IsAt(at, path) ? _keys[at].Revision : null;
        }
    }

    /// <summary>The keys under a prefix, in order; null when it does not stand at this revision (0: at any).</summary>
    /// <param name="after">Only keys greater than this one.</param>
    /// <param name="limit">At most so many; 0 for all.</param>
    public IndexedPage? Read(string prefix, string? after, int limit, long revision)
    {
        lock (_lock)
        {
            if (_revision == 0 || (revision != 0 && revision != _revision))
            {
                return null;
            }

            bool isLater = after is not null && string.CompareOrdinal(after, prefix) > 0;
            int start = LowerBound(isLater ? after + "\0" : prefix);
            int end = LowerBound(string.Concat(prefix.AsSpan(0, prefix.Length - 1), "0")); // it ends with a slash, and '0' follows that
            int count = Math.Max(0, end - start);
            int taken = limit > 0 ? Math.Min(limit, count) : count;
            return new IndexedPage(_revision, CollectionsMarshal.AsSpan(_keys).Slice(start, taken).ToArray(), count - taken);
        }
    }

    private void Take(KeyChange change)
    {
        int at = LowerBound(change.Path);
        switch (IsAt(at, change.Path), change.IsDelete)
        {
            case (true, true):
                _keys.RemoveAt(at);
                break;
            case (true, false):
                _keys[at] = _keys[at] with { Revision = change.Revision };
                break;
            case (false, false):
                _keys.Insert(at, new IndexedKey(change.Path, change.Revision));
                break;
        }
    }

    private bool IsAt(int index, string path) => index < _keys.Count && _keys[index].Path == path;

    // Where the first key that is not less than this one is, or would be.
    private int LowerBound(string path)
    {
        int low = 0, high = _keys.Count;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            (low, high) = string.CompareOrdinal(_keys[middle].Path, path) < 0 ? (middle + 1, high) : (low, middle);
        }

        return low;
    }

    private void Moved()
    {
        _moved?.SetResult();
        _moved = null;
    }
}

/// <summary>A key (<see cref="ApiMachinery.Storage.ObjectKey.ToString"/>) and the revision that wrote its object.</summary>
internal readonly record struct IndexedKey(string Path, long Revision);

/// <summary>What happened to a key at a revision.</summary>
internal readonly record struct KeyChange(string Path, long Revision, bool IsDelete);

/// <summary>Keys as of one revision, and how many more follow under the prefix.</summary>
internal sealed record IndexedPage(long Revision, IReadOnlyList<IndexedKey> Keys, long Remaining);
