namespace AiModels.Controllers.Preparation.Pipeline;

/// <summary>
/// Who is next: of those who wait, the one whose namespace has the fewest at work, the longest waiting first. One namespace with a hundred models does not
/// keep others from their first; and models that take long leave some workers to those that do not. Not thread-safe.
/// </summary>
/// <param name="workers">How many may be at work.</param>
internal sealed class PreparationQueue(int workers)
{
    /// <summary>16 GiB: at 100 MB/s three minutes, as long as others may be asked to wait for a worker.</summary>
    public const long LongBytes = 16L << 30;

    // One worker of four, and at least one unless it is the only one, is kept for models that are soon done.
    private readonly int _mostLong = Math.Max(1, workers - Math.Max(1, workers / 4));

    private readonly List<Entry> _waiting = [];
    private readonly Dictionary<string, Entry> _atWork = [];

    /// <summary>How many wait.</summary>
    public int Waiting => _waiting.Count;

    /// <summary>How many are at work.</summary>
    public int AtWork => _atWork.Count;

    /// <param name="isLong">It is known to be one that takes long: a size that an earlier attempt has found out.</param>
    public void Add(string uid, string owner, bool isLong = false)
    {
        if (_waiting.All(entry => entry.Uid != uid))
        {
            _waiting.Add(new Entry(uid, owner, isLong));
        }
    }

    public void Remove(string uid) => _waiting.RemoveAll(entry => entry.Uid == uid);

    /// <summary>The next one, counted as at work from now on; null when no worker is free for anybody who waits.</summary>
    public string? Take()
    {
        // MinBy keeps the first of equals, which has waited longest.
        Entry? next = _atWork.Count < workers
            ? _waiting.Where(entry => (!entry.IsLong || HasRoomForLong) && !_atWork.ContainsKey(entry.Uid)).MinBy(entry => _atWork.Values.Count(other => other.Owner == entry.Owner))
            : null;
        if (next is null)
        {
            return null;
        }

        _waiting.Remove(next);
        _atWork[next.Uid] = next;
        return next.Uid;
    }

    /// <summary>
    /// One that is at work has turned out to be of this size. False when it takes long and too many such are at work already: it has to end this attempt, and to
    /// be added again as a long one.
    /// </summary>
    public bool MayGoOn(string uid, long bytes)
    {
        Entry entry = _atWork[uid];
        if (bytes < LongBytes || entry.IsLong)
        {
            return true;
        }

        if (!HasRoomForLong)
        {
            return false;
        }

        _atWork[uid] = entry with { IsLong = true };
        return true;
    }

    /// <summary>One is no longer at work.</summary>
    public void Done(string uid) => _atWork.Remove(uid);

    private bool HasRoomForLong => _atWork.Values.Count(entry => entry.IsLong) < _mostLong;

    private sealed record Entry(string Uid, string Owner, bool IsLong);
}
