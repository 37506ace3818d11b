using System.Collections.Concurrent;

namespace AiModels.ApiServer.Access;

/// <summary>Remembers the host cluster's answers for seconds, so that a burst of requests asks once. Bounded; forgets everything when full.</summary>
internal sealed class ReviewCache<TKey, TValue>(TimeProvider time)
    where TKey : notnull
{
    // Users times verbs times resources of a busy cluster; an entry is some hundred bytes.
    private const int Capacity = 10_000;

    private readonly ConcurrentDictionary<TKey, (TValue Value, DateTimeOffset Until)> _entries = new();

    public bool TryGet(TKey key, out TValue value)
    {
        bool isFresh = _entries.TryGetValue(key, out (TValue Value, DateTimeOffset Until) entry) && entry.Until > time.GetUtcNow();
        value = entry.Value;
        return isFresh;
    }

    public void Set(TKey key, TValue value, TimeSpan life)
    {
        if (_entries.Count >= Capacity)
        {
            _entries.Clear();
        }

        _entries[key] = (value, time.GetUtcNow() + life);
    }
}
